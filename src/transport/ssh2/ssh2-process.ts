import type { ClientChannel } from 'ssh2';
import type { Endpoint } from '../endpoint.ts';
import { type Frames, unframe } from '../frame.ts';
import { lost, lostEarly, noCommand, unanswered } from '../ssh-errors.ts';
import type { ExitStatus, RemoteProcess } from '../transport.ts';

/** A process whose link is lost. */
export interface Losable {
  /** Before its channel is closed: what has not come by now does not come any more. */
  readonly cut: () => void;
  /** Ends it on this side. */
  readonly lose: () => void;
}

interface Spawned {
  readonly channel: ClientChannel;
  readonly endpoint: Endpoint;
  readonly frames: Frames;
  /** What runs over the link. */
  readonly running: Set<Losable>;
  readonly lossCause: () => unknown;
  readonly check: (ms: number) => void;
}

/** A channel with a command as a process. */
export function processOf({ channel, endpoint, frames, running, lossCause, check }: Spawned): RemoteProcess {
  const output = unframe(frames.output, () => void channel.write(`${frames.output}\n`));
  const errors = unframe(frames.errors);
  channel.pipe(output.stream);
  channel.stderr.pipe(errors.stream);
  let status: ExitStatus | undefined;
  channel.on('exit', (code: number | null, signal?: string) => {
    status =
      code === null ? { kind: 'signaled', signal: (signal ?? '').replace(/^SIG/, '') } : { kind: 'exited', code };
  });
  // Servers tell how a command ended before they have sent all that it said.
  let isCut = false;
  const cut = () => {
    isCut = (channel as ClientChannel & { incoming: { state: string } }).incoming.state === 'open';
  };
  const losable: Losable = {
    cut,
    lose() {
      cut();
      // What has come is still to be read.
      if (channel.readableEnded) return void channel.emit('close');
      channel.once('end', () => channel.emit('close'));
      channel.push(null);
      channel.stderr.push(null);
    },
  };
  running.add(losable);
  // Not `exit`: output can follow it, and it may never come.
  const exit = new Promise<ExitStatus>((resolve) => {
    channel.once('close', () => {
      running.delete(losable);
      const gone = output.begun() ? lost : lostEarly;
      if (status === undefined || isCut) return resolve({ kind: 'lost', cause: gone(endpoint, lossCause()) });
      if (output.begun()) return resolve(status);
      if (errors.begun()) return resolve({ kind: 'lost', cause: unanswered(endpoint) });
      const code = status.kind === 'exited' ? status.code : undefined;
      resolve({ kind: 'lost', cause: noCommand(endpoint, `${output.noise()} ${errors.noise()}`, code) });
    });
  });
  return {
    stdin: channel,
    stdout: output.stream,
    stderr: errors.stream,
    exit,
    noise: () => `${output.noise()} ${errors.noise()}`.trim(),
    resize: (columns, rows) => channel.setWindow(rows, columns, 0, 0),
    check,
    close: () => channel.close(),
  };
}
