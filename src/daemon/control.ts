import { silentCaller } from '../domain/caller.ts';
import type { Door } from './door.ts';
import { type Ask, type DaemonReply, errorFromWire } from './messages.ts';
import { talk } from './talk.ts';

/** What the daemon tells about one server. Times are milliseconds since 1970. */
export interface HeldStatus {
  readonly label: string;
  readonly place: string;
  readonly connections: number;
  /** What runs over them. */
  readonly running: number;
  readonly usedAt: number;
}

/** What `azlin daemon status` shows. Times are milliseconds since 1970. */
export interface DaemonStatus {
  readonly pid: number;
  readonly startedAt: number;
  /** Bytes of memory. */
  readonly memory: number;
  readonly servers: readonly HeldStatus[];
}

export interface Stopping {
  readonly pid: number;
  /** What runs over its connections; it ends when that has ended. */
  readonly running: number;
}

/** Undefined if no daemon runs. */
export function report(door: Door): Promise<DaemonStatus | undefined> {
  return tell(door, { ask: 'status' });
}

/** Resolves when the daemon has ended, or has said that it will. Undefined if no daemon runs. */
export async function stop(door: Door, isForced: boolean): Promise<Stopping | undefined> {
  return tell(door, { ask: 'stop', isForced });
}

export async function drop(door: Door, hosts: readonly string[]): Promise<void> {
  await tell(door, { ask: 'drop', hosts });
}

async function tell<T>(door: Door, request: Ask): Promise<T | undefined> {
  const socket = await door.openIfThere();
  if (!socket) return undefined;
  return new Promise((resolve, reject) => {
    let value: T | undefined;
    const onReply = (reply: DaemonReply) => {
      if (reply.reply === 'failed') reject(errorFromWire(reply.error));
      if (reply.reply === 'done') value = reply.value as T;
      // What is asked to end at once closes the connection when it has ended.
      if (request.ask !== 'stop' || !request.isForced) socket.destroy();
    };
    const caller = silentCaller(new AbortController().signal);
    talk(socket, request, { caller, onReply, onClose: () => resolve(value) });
  });
}
