import type { Clock } from '../domain/clock.ts';
import { withDeadline } from '../domain/deadline.ts';
import { formatDuration } from '../domain/duration.ts';
import { AppError } from '../domain/errors.ts';
import type { RunArgv } from '../domain/run-argv.ts';
import type { Endpoint } from './endpoint.ts';
import { describeEndpoint } from './ssh-errors.ts';
import type { Connection, RemoteProcess, SpawnOptions } from './transport.ts';

/** No list of sessions is this long; what is longer is not ours and is not kept in memory. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

export interface RunOverSsh {
  readonly connection: Connection;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** Milliseconds for one command, opening of its channel included. */
  readonly deadline: number;
}

/** Short commands on a VM, each with a deadline. */
export function runOverSsh({ connection, endpoint, clock, deadline }: RunOverSsh): RunArgv {
  const expired = () =>
    new AppError('timed-out', `${describeEndpoint(endpoint)} did not answer in ${formatDuration(deadline)}`, {
      hint: 'the VM may be overloaded; try again',
    });
  return (argv, signal) =>
    withDeadline({ clock, ms: deadline, signal, expired }, async (limited) => {
      const options: SpawnOptions = { signal: limited };
      return collect(await connection.spawn(argv, options), limited);
    });
}

async function collect(remote: RemoteProcess, signal: AbortSignal) {
  const close = () => remote.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    const [stdout, stderr, status] = await Promise.all([textOf(remote.stdout), textOf(remote.stderr), remote.exit]);
    if (status.kind === 'lost') throw status.cause;
    return { code: status.kind === 'exited' ? status.code : 128, stdout, stderr };
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
