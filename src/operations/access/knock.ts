import { setMaxListeners } from 'node:events';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import type { FleetAccess } from './fleet-access.ts';

/** Notices when a server is back. */
export interface Ear {
  /** Aborts when the server has said something. */
  readonly heard: AbortSignal;
  /** Why the last knock had no answer. */
  reason(): AppError | undefined;
  close(): void;
}

/** Milliseconds between two knocks: at first, and once the server has been silent for LONG. */
export const OFTEN = 400;
const SELDOM = 2_000;
const LONG = 15 * 60_000;

/** Milliseconds that a knock may take. Later knocks do not wait for it: packets lost in a dead network are not sent again soon. */
const PATIENCE = 3_000;
const KNOCKS_AT_ONCE = 4;

export interface Listening {
  readonly endpoint: Endpoint;
  /** Milliseconds before the first knock. */
  readonly after?: number;
  /** By the clock: since when the server has been silent; now by default. */
  readonly since?: number;
}

/**
 * Knocks at a server until it answers, so that azlin notices at once when the network is back or a VM has started. Undefined where each knock would cost too
 * much: a run of a ProxyCommand, a session of a Bastion.
 */
export function listenFor(
  { transport, clock }: Pick<FleetAccess, 'transport' | 'clock'>,
  { endpoint, after = 0, since = clock.now() }: Listening,
  caller: Caller,
): Ear | undefined {
  if (endpoint.route.kind === 'command' || endpoint.route.kind === 'bastion') return undefined;
  const atOnce = endpoint.route.kind === 'direct' ? KNOCKS_AT_ONCE : 1;
  const heard = new AbortController();
  const closing = new AbortController();
  const whole = AbortSignal.any([caller.signal, closing.signal]);
  for (const one of [heard.signal, whole]) setMaxListeners(0, one);
  let knocking = 0;
  let reason: AppError | undefined;
  let cancel = () => {};
  const expired = () => new AppError('timed-out', `${endpoint.label} did not answer in ${formatDuration(PATIENCE)}`);
  const close = () => {
    cancel();
    closing.abort();
  };
  const knock = async () => {
    cancel = clock.schedule(clock.now() - since < LONG ? OFTEN : SELDOM, knock);
    if (knocking >= atOnce) return;
    knocking++;
    try {
      await withDeadline({ clock, ms: PATIENCE, signal: whole, expired }, (limited) =>
        transport.knock(endpoint, withSignal(caller, limited)),
      );
      close();
      heard.abort();
    } catch (error) {
      if (error instanceof AppError) reason = error;
    } finally {
      knocking--;
    }
  };
  cancel = clock.schedule(after, knock);
  return { heard: heard.signal, reason: () => reason, close };
}
