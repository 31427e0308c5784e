import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import type { AppError } from '../domain/errors.ts';
import type { Endpoint } from './endpoint.ts';

interface Connecting {
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly caller: Caller;
  /** `limit`: the time that was allowed, for people. */
  readonly expired: (limit: string) => AppError;
}

/** Does one step of a connection within ConnectTimeout. */
export function connectInTime<T>(
  { clock, endpoint, caller, expired }: Connecting,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ms = endpoint.ssh.connectTimeout;
  return withDeadline({ clock, ms, signal: caller.signal, expired: () => expired(formatDuration(ms)) }, work);
}
