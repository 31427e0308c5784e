import type { Caller } from '../../domain/caller.ts';
import { isoTime } from '../../domain/duration.ts';
import type { Probe } from '../../domain/session.ts';
import { type Client, type Session, sessionsNamed } from '../../domain/session.ts';
import { mayAnswer, type Vm } from '../../domain/vm.ts';
import { type Probed, probeVm } from '../../targets/probe.ts';
import type { Target, TargetRef } from '../../targets/target.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { firstTarget, latestOrWarning, latestTarget } from '../access/look-up.ts';
import { isSame } from '../access/old-data.ts';
import { sessionOf } from '../sessions/session-of.ts';

/** A VM and what runs on it. Fields are only ever added: this is what `--format json` prints. */
export interface VmStatus {
  readonly hostname: string;
  /** The power state; null for an address, because Azure was not asked about it. */
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
  /** ISO 8601: when the inventory was asked. */
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
  /** When it is no longer needed, as set with `azlin session --ttl`. */
  readonly expiresAt: string | null;
  readonly clients: readonly ClientStatus[];
}

export interface ClientStatus {
  /** The label of its user; null if azlin did not start it. */
  readonly label: string | null;
  /** What tmux calls it. */
  readonly client: string;
  readonly attachedAt: string | null;
  /** Seconds since somebody typed there. */
  readonly idleSeconds: number;
  readonly columns: number;
  readonly rows: number;
  readonly readOnly: boolean;
}

export interface TargetStatusRequest {
  readonly target: TargetRef;
  readonly refresh: boolean;
  /** Milliseconds for each VM. */
  readonly deadline: number;
}

/** The state of one VM, or of one session on it. Rejects when what is named does not exist. */
export async function targetStatus(
  access: FleetAccess,
  { target: ref, refresh, deadline }: TargetStatusRequest,
  caller: Caller,
): Promise<VmStatus> {
  const wanted = { access, target: ref, whole: true, caller };
  const askAbout = async (target: Target) => {
    const asked = await askForStatus(access, { vm: target.vm, endpoint: () => target.endpoint, deadline }, caller);
    return { target, asked };
  };
  const first = await askAbout(refresh ? await latestTarget(wanted) : await firstTarget(wanted));
  // If old data could explain the answer, ask once more with fresh data.
  const isOld = first.target.cached || (access.settings.lags && first.target.vm !== null && !refresh);
  if (!isOld || hasSession(first)) return oneStatus(access, first);
  const target = await latestOrWarning(wanted);
  if (!target) return oneStatus(access, first);
  const isNews = first.asked.probe === 'ok' || first.asked.probe === 'skipped' || !isSame(first.target, target);
  return oneStatus(access, isNews ? await askAbout(target) : { ...first, target });
}

interface Asked {
  readonly target: Target;
  readonly asked: Probed<Attached>;
}

/** Whether what the user named exists. */
function hasSession({ target, asked }: Asked): boolean {
  if (asked.probe !== 'ok') return false;
  return target.origin !== 'found' || sessionsNamed(asked.value.sessions, target.session).length > 0;
}

function oneStatus(access: FleetAccess, { target, asked }: Asked): VmStatus {
  // Picked one by one, because reading the endpoint of a VM without an address throws.
  const { hostname, vm, fetchedAt } = target;
  const place = { hostname, vm, fetchedAt, address: vm ? null : target.endpoint.address };
  if (asked.probe !== 'ok' || target.origin === 'default') return vmStatusOf(access, place, asked);
  const session = sessionOf(asked.value.sessions, target);
  // Include views of the session: their clients look at its windows.
  const sessions = [session, ...asked.value.sessions.filter((one) => one !== session && one.group === session.group)];
  return vmStatusOf(access, place, { ...asked, value: { ...asked.value, sessions } });
}

/** The sessions and clients of a VM. */
export interface Attached {
  readonly sessions: readonly Session[];
  readonly clients: readonly Client[];
}

export interface StatusQuestion {
  /** Null for an address. */
  readonly vm: Vm | null;
  readonly endpoint: () => Endpoint;
  readonly deadline: number;
}

/** Asks a VM what runs on it; one that does not run is not asked. */
export async function askForStatus(
  { transport, clock }: FleetAccess,
  { vm, endpoint, deadline }: StatusQuestion,
  caller: Caller,
): Promise<Probed<Attached>> {
  if (vm?.os === 'windows') return { probe: 'skipped', reason: 'it runs Windows' };
  if (vm && !mayAnswer(vm)) return { probe: 'skipped', reason: `the VM is ${vm.powerState.toLowerCase()}` };
  const question = { endpoint, ms: deadline, caller };
  return probeVm({ transport, clock }, question, (server, limited) => server.clients(limited));
}

export function vmStatusOf(
  { now, endpoints }: FleetAccess,
  place: Pick<Target, 'hostname' | 'vm' | 'fetchedAt'> & { readonly address: string | null },
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
    ip: vm ? endpoints.addressOf(vm) : place.address,
    publicIp: vm?.publicIp ?? null,
    privateIp: vm?.privateIp ?? null,
    fetchedAt: isoTime(fetchedAt / 1_000) ?? '',
    ageSeconds: Math.max(0, Math.floor((now() - fetchedAt) / 1_000)),
    probe: asked.probe,
    reason: asked.probe === 'ok' ? null : asked.reason,
    sessions: asked.probe === 'ok' ? sessionsOf(asked.value) : [],
  };
}

function sessionsOf({ sessions, clients }: Attached): readonly SessionStatus[] {
  return [...sessions]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, friendlyName, windows, createdAt, activityAt, expiresAt }) => ({
      session: name,
      sessionName: friendlyName,
      windows,
      createdAt: isoTime(createdAt),
      activityAt: isoTime(activityAt),
      expiresAt: expiresAt === null ? null : isoTime(expiresAt),
      clients: clients
        .filter(({ session }) => session === name)
        .map(({ label, name: client, attachedAt, idle, columns, rows, readOnly }) => ({
          label,
          client,
          attachedAt: isoTime(attachedAt),
          idleSeconds: idle,
          columns,
          rows,
          readOnly,
        })),
    }));
}
