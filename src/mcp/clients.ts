import type { Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { count } from '../domain/text.ts';

/** What one client may do at once, so that one that runs wild holds up nobody else. */
export interface ClientLimits {
  /** In a minute. */
  readonly calls: number;
  readonly sessions: number;
  /** Running commands. */
  readonly jobs: number;
}

/** A command that went on when its call returned. */
export interface LeftJob {
  readonly id: string;
  /** Where it runs, for a resolver. */
  readonly target: string;
}

/** Counts what clients do, by their keys. */
export interface Clients {
  /** Counts a call. Throws `usage` if there were too many in the last minute. */
  called(key: string): void;
  /** Starts a session unless the client has too many: `owned` of them, and those that are being started. Rejects with `usage` for one too many. */
  starting<T>(key: string, owned: () => Promise<number>, start: () => Promise<T>): Promise<T>;
  /** Runs a command unless too many of the client run already. Rejects with `usage` for one too many. */
  running<T extends { readonly left?: LeftJob | undefined }>(key: string, command: CountedCommand<T>): Promise<T>;
}

export interface CountedCommand<T> {
  /** The id of its job, if the client chose it: one that runs already is not started again. */
  readonly id?: string | undefined;
  run(): Promise<T>;
  /** Those that went on, and have ended meanwhile. */
  over(jobs: readonly LeftJob[]): Promise<readonly LeftJob[]>;
}

const MINUTE = 60_000;
/** How many clients are remembered. */
const MOST = 1_000;

interface Client {
  /** When the calls of the last minute began, oldest first. */
  calls: number[];
  starting: number;
  running: number;
  readonly left: Map<string, LeftJob>;
}

export function countedClients(limits: ClientLimits, clock: Pick<Clock, 'now'>): Clients {
  const clients = new Map<string, Client>();
  const clientOf = (key: string): Client => {
    const client = clients.get(key) ?? { calls: [], starting: 0, running: 0, left: new Map() };
    // The one that was used longest ago comes first.
    clients.delete(key);
    clients.set(key, client);
    for (const [oldest] of clients) if (clients.size > MOST) clients.delete(oldest);
    return client;
  };
  return {
    called(key) {
      const client = clientOf(key);
      const now = clock.now();
      client.calls = client.calls.filter((at) => at > now - MINUTE && at <= now);
      const [first] = client.calls;
      if (first !== undefined && client.calls.length >= limits.calls)
        throw new AppError(
          'usage',
          `This client has made ${count(limits.calls, 'call')} in a minute; nothing was done`,
          {
            hint: `try again in ${Math.ceil((first + MINUTE - now) / 1_000)} s; mcp.max_calls sets the limit`,
          },
        );
      client.calls.push(now);
    },
    async starting(key, owned, start) {
      const client = clientOf(key);
      if ((await owned()) + client.starting >= limits.sessions)
        throw new AppError(
          'usage',
          `This client already has ${count(limits.sessions, 'session')}; nothing was started`,
          {
            hint: 'close one with ssh_session_close; mcp.max_sessions sets the limit',
          },
        );
      client.starting++;
      try {
        return await start();
      } finally {
        client.starting--;
      }
    },
    async running(key, { id: own, run, over }) {
      const client = clientOf(key);
      const isLeft = own !== undefined && client.left.has(own);
      const isFull = () => !isLeft && client.running + client.left.size >= limits.jobs;
      if (isFull()) for (const { id } of await over([...client.left.values()])) client.left.delete(id);
      if (isFull())
        throw new AppError(
          'usage',
          `${count(limits.jobs, 'command')} of this client ${limits.jobs === 1 ? 'runs' : 'run'} already; nothing was started`,
          { hint: 'wait for one with ssh_job_wait, or end one with ssh_job_cancel; mcp.max_jobs sets the limit' },
        );
      client.running++;
      try {
        const result = await run();
        if (result.left) client.left.set(result.left.id, result.left);
        return result;
      } finally {
        client.running--;
      }
    },
  };
}
