import type { Readable } from 'node:stream';
import type { Clock } from '../../domain/clock.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Target } from '../../targets/target.ts';
import { takeStatus } from '../../tmux/status.ts';
import { statusError } from '../../tmux/status-error.ts';
import type { RemoteProcess } from '../../transport/transport.ts';

export interface Sending {
  readonly source: Readable;
  /** Marks the end of the input; the VM rejects input that ends without it. */
  readonly name: string;
  readonly remote: RemoteProcess;
  readonly clock: Clock;
  /** Milliseconds for the VM to confirm that it has everything. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** Sends a whole stream to a process that confirms it. Rejects with an AppError without that confirmation. */
export async function sendInput(sending: Sending, { hostname, session }: Target): Promise<void> {
  const { name, remote, signal, clock, deadline } = sending;
  remote.stderr.resume();
  const close = () => remote.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    await answer();
    await Promise.race([write(sending), remote.exit]);
    remote.stdin.end(name);
    await answer();
  } finally {
    signal.removeEventListener('abort', close);
    remote.close();
  }

  /** Waits for the next answer: first that the process is ready, then that it has everything. */
  async function answer(): Promise<void> {
    const expired = () =>
      new AppError('timed-out', `"${hostname}" did not confirm the input in time; nothing was started`);
    const status = await withDeadline({ clock, ms: deadline, signal, expired }, () => takeStatus(remote.stdout));
    signal.throwIfAborted();
    if (!status) {
      const exit = await remote.exit;
      throw exit.kind === 'lost'
        ? exit.cause
        : new AppError('vm-failed', `"${hostname}" did not accept the input of the command`);
    }
    if (status.kind !== 'ok') throw statusError(status, hostname, session);
  }
}

async function write({ source, remote }: Sending): Promise<void> {
  let isOver = false;
  void remote.exit.then(() => {
    isOver = true;
  });
  try {
    for await (const chunk of source) {
      if (isOver) return;
      if (!remote.stdin.write(chunk))
        await Promise.race([new Promise((resolve) => remote.stdin.once('drain', resolve)), remote.exit]);
    }
  } catch (error) {
    throw new AppError('usage', `Cannot read the input for the command: ${messageOf(error)}`, { cause: error });
  }
}
