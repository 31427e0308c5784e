import { type Caller, withSignal } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { type Extend, withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import type { RunScript } from '../domain/remote-script.ts';
import type { Probe, Session } from '../domain/session.ts';
import { count, shellWord } from '../domain/text.ts';
import { type TmuxServer, tmuxServer } from '../tmux/server.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { runOverSsh } from '../transport/run-script.ts';
import type { Step, Transport } from '../transport/transport.ts';

export type Answer = { readonly probe: 'ok'; readonly sessions: readonly Session[] } | Unanswered;

/** `keyRefused`: the VM accepted none of the user's keys. */
export interface Unanswered {
  readonly probe: Exclude<Probe, 'ok'>;
  readonly reason: string;
  readonly keyRefused?: boolean;
}

export interface ProbeSettings {
  readonly transport: Transport;
  readonly clock: Clock;
}

const PROBES: Partial<Record<ErrorCode, Exclude<Probe, 'ok' | 'skipped'>>> = {
  'ssh-denied': 'denied',
  'not-signed-in': 'denied',
  'azure-denied': 'denied',
  'azure-failed': 'unreachable',
  'host-key-changed': 'denied',
  'host-key-unknown': 'denied',
  'host-key-revoked': 'denied',
  'timed-out': 'timed-out',
  unreachable: 'unreachable',
  'connection-lost': 'unreachable',
  'tmux-missing': 'no-tmux',
  // Not `no-tmux`: there may be sessions that tmux failed to list.
  'tmux-failed': 'unreachable',
  'vm-failed': 'unreachable',
};

export interface Question {
  /** May throw an AppError. */
  readonly endpoint: () => Endpoint;
  readonly ms: number;
  readonly caller: Caller;
}

export type Probed<T> = { readonly probe: 'ok'; readonly value: T } | Unanswered;

/** What a question to a VM can use. */
export interface Asking {
  readonly run: RunScript;
  /** What messages call the VM. */
  readonly label: string;
  /** Aborts when the time is up. */
  readonly limited: AbortSignal;
}

/** Asks one VM something, within `ms`. That a VM cannot be asked is an answer, too; an interrupt, a bug or a mistake of the user rejects. */
export async function askVm<T>(
  { transport, clock }: ProbeSettings,
  { endpoint, ms, caller }: Question,
  ask: (asking: Asking) => Promise<T>,
): Promise<Probed<T>> {
  const to = endpointOrReason(endpoint);
  if (typeof to === 'string') return { probe: 'unreachable', reason: to };
  const { signal } = caller;
  const expired = () => new AppError('timed-out', `timed out after ${formatDuration(ms)}`);
  try {
    return await withDeadline({ clock, ms, signal, expired }, async (limited, extend) => {
      const onStep = longerFor(clock, ms, extend);
      const connection = await transport.connect(to, withSignal(caller, limited), onStep);
      const run = runOverSsh({ connection, endpoint: to, clock, deadline: ms });
      return { probe: 'ok', value: await ask({ run, label: to.label, limited }) };
    });
  } catch (error) {
    const probe = error instanceof AppError ? PROBES[error.code] : undefined;
    if (!probe || signal.aborted) throw error;
    const { code, message } = error as AppError;
    return { probe, reason: message, keyRefused: code === 'ssh-denied' };
  }
}

/** How many round trips signing in and asking may take, and the longest one in milliseconds that a network is believed. */
const ROUND_TRIPS = 9;
const FARTHEST = 2_000;
/** Milliseconds that Azure may take to say the host keys of a VM, and Entra ID to issue a certificate. */
const [PROVING, CERTIFYING] = [180_000, 60_000];

/** A VM that is far away gets more time: a connection that is half made is not thrown away. How far it is, its first answers tell. */
function longerFor(clock: Clock, ms: number, extend: Extend): (step: Step) => void {
  let last = clock.now();
  let longest = 0;
  return ({ kind }) => {
    if (kind === 'proving') return extend(ms + PROVING);
    if (kind === 'certifying') return extend(ms + CERTIFYING);
    if (kind !== 'reached' && kind !== 'answered') return;
    longest = Math.min(FARTHEST, Math.max(longest, clock.now() - last));
    last = clock.now();
    extend(ms + ROUND_TRIPS * longest);
  };
}

/** The error if no VM accepted a key: that is one problem, not one for each VM. `answers`: by the name of the VM. */
export function noKeyFits(answers: Iterable<readonly [string, Probed<unknown> | Answer]>): AppError | undefined {
  const known = [...answers];
  const refused = known.flatMap(([name, answer]) =>
    answer.probe !== 'ok' && answer.keyRefused ? [{ name, reason: answer.reason }] : [],
  );
  const isAccepted = known.some(([, { probe }]) => probe === 'ok' || probe === 'no-tmux');
  const [first] = refused;
  if (!first || isAccepted) return undefined;
  const message = refused.length === 1 ? first.reason : `None of the ${count(refused.length, 'VM')} accepted a key`;
  return new AppError('ssh-denied', message, { hint: `azlin doctor ${shellWord(first.name)} shows why` });
}

/** Asks the tmux server of one VM. */
export function probeVm<T>(
  settings: ProbeSettings,
  question: Question,
  ask: (server: TmuxServer, signal: AbortSignal) => Promise<T>,
): Promise<Probed<T>> {
  return askVm(settings, question, ({ run, label, limited }) => ask(tmuxServer(run, label), limited));
}

/** Asks one VM for its sessions. */
export async function probeSessions(settings: ProbeSettings, question: Question): Promise<Answer> {
  const answer = await probeVm(settings, question, (server, signal) => server.list(signal));
  return answer.probe === 'ok' ? { probe: 'ok', sessions: answer.value } : answer;
}

/** The endpoint, or why there is none. A VM without an address, or with an invalid tag, must not make the whole fleet fail. */
function endpointOrReason(endpoint: () => Endpoint): Endpoint | string {
  try {
    return endpoint();
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}
