import { atMost } from '../domain/at-most.ts';
import { isoTime } from '../domain/iso-time.ts';
import type { Client, Session } from '../domain/session.ts';
import { addressOf, compareVms, mayAnswer, type Vm } from '../domain/vm.ts';
import { qualifiedNames } from '../targets/match.ts';
import { type Probe, type Probed, probeVm } from '../targets/probe.ts';
import type { Target } from '../targets/target.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { FleetAccess } from './fleet-access.ts';
import { firstTarget, isSame, sessionOf } from './reach.ts';

/** A VM and what runs on it. Fields are only ever added: this is what `--format json` prints. */
export interface VmStatus {
  readonly hostname: string;
  /** The power state; null for an address, of which Azure was not asked. */
  readonly status: string | null;
  readonly size: string | null;
  readonly region: string | null;
  readonly os: string | null;
  readonly resourceGroup: string | null;
  readonly subscriptionId: string | null;
  readonly vmId: string | null;
  /** The address that azlin uses. */
  readonly ip: string | null;
  readonly publicIp: string | null;
  readonly privateIp: string | null;
  /** ISO 8601: when Azure said so. */
  readonly fetchedAt: string;
  /** Whole seconds since then. */
  readonly ageSeconds: number;
  readonly probe: Probe;
  /** Why its sessions are not known; null when they are. */
  readonly reason: string | null;
  readonly sessions: readonly SessionStatus[];
}

export interface SessionStatus {
  readonly session: string;
  readonly sessionName: string | null;
  readonly windows: number;
  readonly createdAt: string | null;
  readonly activityAt: string | null;
  readonly clients: readonly ClientStatus[];
}

export interface ClientStatus {
  readonly client: string;
  readonly attachedAt: string | null;
  /** Since somebody typed there. */
  readonly idleSeconds: number;
  readonly columns: number;
  readonly rows: number;
  readonly readOnly: boolean;
}

export interface StatusRequest {
  /** Undefined for every VM in scope. */
  readonly identifier: string | undefined;
  readonly refresh: boolean;
  /** Milliseconds for each VM. */
  readonly deadline: number;
}

const CONCURRENCY = 32;

/** The state of one VM, or of one session on it, or of every VM in scope. Rejects when what is named does not exist. */
export function fleetStatus(
  access: FleetAccess,
  request: StatusRequest,
  signal: AbortSignal,
): Promise<readonly VmStatus[]> {
  const { identifier } = request;
  return identifier === undefined
    ? everyStatus(access, request, signal)
    : targetStatus(access, { ...request, identifier }, signal).then((status) => [status]);
}

async function everyStatus(
  access: FleetAccess,
  { refresh, deadline }: StatusRequest,
  signal: AbortSignal,
): Promise<readonly VmStatus[]> {
  const fleet = await access.inventory.listVms({ fresh: refresh }, signal);
  for (const warning of fleet.warnings) access.warn(warning);
  const vms = [...fleet.vms].sort(compareVms);
  const names = qualifiedNames(vms);
  return atMost(CONCURRENCY, vms, async (vm) => {
    const place = { hostname: names.get(vm) ?? vm.name, vm, fetchedAt: fleet.fetchedAt };
    const asked = await ask(access, { vm, endpoint: () => access.endpointOf(vm), deadline }, signal);
    if (asked.probe !== 'ok' && asked.probe !== 'skipped') access.warn(`${place.hostname}: ${asked.reason}`);
    return statusOf(access, place, asked);
  });
}

async function targetStatus(
  access: FleetAccess,
  { identifier, refresh, deadline }: StatusRequest & { readonly identifier: string },
  signal: AbortSignal,
): Promise<VmStatus> {
  const askAbout = async (target: Target) => {
    const asked = await ask(access, { vm: target.vm, endpoint: () => target.endpoint, deadline }, signal);
    return { target, asked };
  };
  const again = async (before: Awaited<ReturnType<typeof askAbout>>, resolve: () => Promise<Target>) => {
    const target = await resolve();
    const isExplained = !isSame(before.target, target) || before.asked.probe === 'skipped';
    return isExplained ? askAbout(target) : { ...before, target };
  };
  const fresh = () => access.resolver.resolve(identifier, { fresh: true }, signal);
  const first = await askAbout(refresh ? await fresh() : await firstTarget({ access, identifier, signal }));
  // What old data could explain is asked once more with new data.
  const { target, asked } = first.target.cached && first.asked.probe !== 'ok' ? await again(first, fresh) : first;
  if (asked.probe !== 'ok' || target.origin === 'default') return statusOf(access, target, asked);
  const session = sessionOf(asked.value.sessions, target);
  return statusOf(access, target, { ...asked, value: { ...asked.value, sessions: [session] } });
}

interface Attached {
  readonly sessions: readonly Session[];
  readonly clients: readonly Client[];
}

interface Question {
  /** Null for an address. */
  readonly vm: Vm | null;
  readonly endpoint: () => Endpoint;
  readonly deadline: number;
}

async function ask(
  { transport, clock }: FleetAccess,
  { vm, endpoint, deadline }: Question,
  signal: AbortSignal,
): Promise<Probed<Attached>> {
  if (vm?.os === 'windows') return { probe: 'skipped', reason: 'it runs Windows' };
  if (vm && !mayAnswer(vm)) return { probe: 'skipped', reason: `the VM is ${vm.powerState.toLowerCase()}` };
  const question = { endpoint, ms: deadline, signal };
  return probeVm({ transport, clock }, question, (server, limited) => server.clients(limited));
}

function statusOf(
  { clock }: FleetAccess,
  place: Pick<Target, 'hostname' | 'vm' | 'fetchedAt'> & { readonly endpoint?: Endpoint },
  asked: Probed<Attached>,
): VmStatus {
  const { hostname, vm, fetchedAt } = place;
  return {
    hostname,
    status: vm?.powerState ?? null,
    size: vm?.size ?? null,
    region: vm?.region ?? null,
    os: vm?.os ?? null,
    resourceGroup: vm?.resourceGroup ?? null,
    subscriptionId: vm?.subscriptionId ?? null,
    vmId: vm?.vmId ?? null,
    ip: vm ? addressOf(vm) : (place.endpoint?.address ?? null),
    publicIp: vm?.publicIp ?? null,
    privateIp: vm?.privateIp ?? null,
    fetchedAt: isoTime(fetchedAt / 1_000) ?? '',
    ageSeconds: Math.max(0, Math.floor((clock.now() - fetchedAt) / 1_000)),
    probe: asked.probe,
    reason: asked.probe === 'ok' ? null : asked.reason,
    sessions: asked.probe === 'ok' ? sessionsOf(asked.value) : [],
  };
}

function sessionsOf({ sessions, clients }: Attached): readonly SessionStatus[] {
  return [...sessions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, friendlyName, windows, createdAt, activityAt }) => ({
      session: name,
      sessionName: friendlyName,
      windows,
      createdAt: isoTime(createdAt),
      activityAt: isoTime(activityAt),
      clients: clients
        .filter(({ session }) => session === name)
        .map(({ name: client, attachedAt, idle, columns, rows, readOnly }) => ({
          client,
          attachedAt: isoTime(attachedAt),
          idleSeconds: idle,
          columns,
          rows,
          readOnly,
        })),
    }));
}
