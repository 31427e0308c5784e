import type { Caller } from '../../domain/caller.ts';
import { isoTime } from '../../domain/duration.ts';
import type { AppError } from '../../domain/errors.ts';
import type { Probe, Session, SessionRow } from '../../domain/session.ts';
import { count } from '../../domain/text.ts';
import { compareVms, mayAnswer, type Vm } from '../../domain/vm.ts';
import { type Answer, noKeyFits } from '../../targets/probe.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { paddingHint, vmFilter } from '../vms/choose-vms.ts';

export interface ListRequest {
  /** Include VMs that are not running. */
  readonly all: boolean;
  /** Ask the VMs for their sessions. */
  readonly sessions: boolean;
  readonly refresh: boolean;
  /** `KEY` or `KEY=VALUE`. Every key must hold, by one of its values. */
  readonly tags: readonly string[];
  /** Patterns of VM names, whatever the case; a VM must match one of them. Empty for all VMs. */
  readonly hosts: readonly string[];
  /** Only sessions that the label of the user made. */
  readonly mine: boolean;
  /** Milliseconds for each VM, and for all of them. */
  readonly deadline: number;
  readonly wholeDeadline: number;
  /** Called with the rows of a VM as soon as it has answered. */
  readonly onRows?: ((rows: readonly SessionRow[], progress: ListProgress) => void) | undefined;
}

/** How many VMs are asked, and how many have answered or failed. */
export interface ListProgress {
  readonly asked: number;
  readonly answered: number;
}

export interface ListResult {
  /** Sorted by VM name, then by session name. */
  readonly rows: readonly SessionRow[];
  /** Says, for people, what is hidden. */
  readonly notes: readonly string[];
  /** Set if no VM accepted a key. */
  readonly failure: AppError | undefined;
}

/** The sessions of the fleet. Warns about VMs that could not be asked. */
export async function listSessions(access: FleetAccess, request: ListRequest, caller: Caller): Promise<ListResult> {
  const fleet = await access.inventory.listVms({ fresh: request.refresh, whole: true }, caller);
  for (const warning of fleet.warnings) caller.warn(warning);
  const matching = fleet.vms.filter(vmFilter(request)).sort(compareVms);
  const shown = request.all ? matching : matching.filter(isUp);
  const asked = request.sessions ? shown.filter(mayAnswer) : [];
  const rows = new Map<Vm, readonly SessionRow[]>();
  const settle = (vm: Vm, answer: Answer) => {
    const found = rowsOf(vm, answer, access.endpoints.addressOf(vm));
    const own = request.mine ? found.filter(isMine) : found;
    rows.set(vm, own);
    if (isAsked.has(vm)) answered++;
    const progress = { asked: asked.length, answered };
    if (isHeld) held.push(() => request.onRows?.(own, progress));
    else request.onRows?.(own, progress);
  };
  const held: (() => void)[] = [];
  const isHeld = access.settings.mayMove && asked.some((vm) => mayNeedAzure(access, vm));
  // Without a session there is nothing to own, but a VM that could not be asked may have one.
  const isMine = ({ session, owner, probe }: SessionRow) =>
    session === null ? probe !== 'ok' && probe !== 'skipped' : owner === access.settings.label;
  const isAsked = new Set(asked);
  let answered = 0;
  for (const vm of shown) if (!isAsked.has(vm)) settle(vm, SKIPPED);
  const { deadline, wholeDeadline } = request;
  const { answers } = await access.survey.ask(
    {
      vms: asked,
      isKept: fleet.isKept === true,
      maxAge: 0,
      mayBeKnown: !request.refresh,
      skipSilent: false,
      deadline,
      wholeDeadline,
      onAnswer: settle,
    },
    caller,
  );
  for (const show of held) show();
  const sorted = [...answers].sort(([a], [b]) => compareVms(a, b));
  const failure = noKeyFits(sorted.map(([vm, answer]) => [vm.name, answer]));
  for (const [vm, answer] of sorted)
    if (answer.probe !== 'ok' && !(failure && answer.keyRefused))
      caller.warn(`${vm.name}: ${answer.reason}; its sessions are unknown`);
  const hidden = matching.length - shown.length;
  const padded = request.hosts.map((host) => paddingHint(host, fleet.vms)).find(Boolean);
  const notes = notesOf({ inScope: fleet.vms.length, matching: matching.length, hidden, padded });
  const listed = shown.flatMap((vm) => rows.get(vm) ?? []);
  const none = request.mine && listed.length === 0 ? [`no session was made by "${access.settings.label}"`] : [];
  return { rows: listed, notes: [...none, ...notes], failure };
}

/** Whether a connection to it may take somebody who is signed in to Azure. */
function mayNeedAzure({ endpoints }: FleetAccess, vm: Vm): boolean {
  try {
    const { route, ssh } = endpoints.of(vm);
    return route.kind !== 'direct' || ssh.entra !== undefined;
  } catch {
    return false;
  }
}

interface Noted {
  readonly inScope: number;
  readonly matching: number;
  readonly hidden: number;
  readonly padded: string | undefined;
}

function notesOf({ inScope, matching, hidden, padded }: Noted): readonly string[] {
  if (inScope === 0) return ['no VMs in scope'];
  if (matching === 0)
    return [`none of the ${count(inScope, 'VM')} in scope matches${padded === undefined ? '' : `; ${padded}`}`];
  return hidden === 0
    ? []
    : [`${count(hidden, 'stopped VM')} hidden; azlin list --all shows ${hidden === 1 ? 'it' : 'them'}`];
}

const SKIPPED: Answer = { probe: 'skipped', reason: 'not asked' };

/** Whether the VM is running or may be: hiding it could hide sessions. */
function isUp(vm: Vm): boolean {
  return vm.powerState === 'Running' || vm.powerState === 'Unknown';
}

function rowsOf(vm: Vm, answer: Answer, ip: string | null): readonly SessionRow[] {
  const sessions = answer.probe === 'ok' ? answer.sessions : [];
  if (sessions.length === 0) return [rowOf({ vm, ip }, answer.probe, undefined)];
  return [...sessions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((session) => rowOf({ vm, ip }, answer.probe, session));
}

interface Place {
  readonly vm: Vm;
  readonly ip: string | null;
}

function rowOf({ vm, ip }: Place, probe: Probe, session: Session | undefined): SessionRow {
  const neededUntil = session?.expiresAt ? isoTime(session.expiresAt) : null;
  return {
    hostname: vm.name,
    session: session?.name ?? null,
    sessionName: session?.friendlyName ?? null,
    status: vm.powerState,
    ip,
    publicIp: vm.publicIp,
    privateIp: vm.privateIp,
    region: vm.region,
    size: vm.size,
    resourceGroup: vm.resourceGroup,
    subscriptionId: vm.subscriptionId,
    vmId: vm.vmId,
    attached: session?.attached ?? null,
    windows: session?.windows ?? null,
    createdAt: session ? isoTime(session.createdAt) : null,
    activityAt: session ? isoTime(session.activityAt) : null,
    clients: session?.clients ?? [],
    expiresAt: neededUntil,
    neededUntil,
    owner: session?.owner ?? null,
    idleSeconds: session?.idle ?? null,
    id: session?.id ?? null,
    probe,
  };
}
