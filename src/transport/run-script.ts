import type { Clock } from '../domain/clock.ts';
import { withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError, inDoubt } from '../domain/errors.ts';
import type { RunScript } from '../domain/remote-script.ts';
import type { Endpoint } from './endpoint.ts';
import { describeEndpoint } from './ssh-errors.ts';
import type { Connection, RemoteProcess, SpawnOptions } from './transport.ts';

/** The most output that is kept in memory. No list of sessions is this long; anything longer does not come from azlin's scripts. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

export interface RunOverSsh {
  readonly connection: Connection;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** Milliseconds for one command, including the opening of its channel. */
  readonly deadline: number;
}

/** Runs short scripts on a VM, each with a deadline. Errors say whether the script may have run nevertheless. */
export function runOverSsh({ connection, endpoint, clock, deadline }: RunOverSsh): RunScript {
  const expired = () =>
    new AppError('timed-out', `${describeEndpoint(endpoint)} did not answer in ${formatDuration(deadline)}`, {
      hint: 'the VM may be overloaded; try again',
    });
  return async (script, signal) => {
    let isSent = false;
    const onSent = (sent: boolean) => {
      isSent = sent;
    };
    try {
      return await withDeadline({ clock, ms: deadline, signal, expired }, async (limited) => {
        const options: SpawnOptions = { signal: limited, onSent, patience: deadline };
        return collect(await connection.spawn(script, options), limited);
      });
    } catch (error) {
      // If the login shell ended before the frame, it has not run the script.
      throw isSent && !(error instanceof AppError && error.code === 'ssh-denied') ? inDoubt(error) : error;
    }
  };
}

async function collect(remote: RemoteProcess, signal: AbortSignal) {
  const close = () => remote.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    remote.stderr.resume();
    const [stdout, status] = await Promise.all([textOf(remote.stdout), remote.exit]);
    if (status.kind === 'lost') throw status.cause;
    return { code: status.kind === 'exited' ? status.code : 128, stdout };
  } finally {
    signal.removeEventListener('abort', close);
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    if (length < OUTPUT_LIMIT) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}
