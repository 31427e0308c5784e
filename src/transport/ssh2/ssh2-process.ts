import type { ClientChannel } from 'ssh2';
import type { Clock } from '../../domain/clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Frames, unframe } from '../frame.ts';
import { lost, lostEarly, noCommand, unanswered } from '../ssh-errors.ts';
import type { ExitStatus, RemoteProcess } from '../transport.ts';
import type { Learning } from './server-memory.ts';

/** What to do with a process when its link is lost. */
export interface Losable {
  /** To be called before its channel is closed: what has not arrived by then will not arrive. */
  readonly cut: () => void;
  /** Ends it on this side. */
  readonly lose: () => void;
}

interface Spawned {
  readonly channel: ClientChannel;
  readonly endpoint: Endpoint;
  readonly frames: Frames;
  /** All processes that run over the link. */
  readonly running: Set<Losable>;
  readonly lossCause: () => unknown;
  readonly check: (ms: number) => void;
  readonly memory: Pick<Learning, 'kept'>;
  readonly clock: Clock;
}

/** Turns a channel with a command into a process. */
export function processOf({
  channel,
  endpoint,
  frames,
  running,
  lossCause,
  check,
  memory,
  clock,
}: Spawned): RemoteProcess {
  const output = unframe(frames.output, () => void channel.write(`${frames.output}\n`));
  const errors = unframe(frames.errors);
  channel.pipe(output.stream);
  channel.stderr.pipe(errors.stream);
  let status: ExitStatus | undefined;
  channel.on('exit', (code: number | null, signal?: string) => {
    status =
      code === null ? { kind: 'signaled', signal: (signal ?? '').replace(/^SIG/, '') } : { kind: 'exited', code };
  });
  // Servers may report how a command ended before they have sent all its output.
  let isCut = false;
  let isOver = false;
  const cut = () => {
    isCut = (channel as ClientChannel & { incoming: { state: string } }).incoming.state === 'open';
  };
  const losable: Losable = {
    cut,
    lose() {
      cut();
      // Let readers get what has arrived before the channel closes.
      if (channel.readableEnded) return void channel.emit('close');
      channel.once('end', () => channel.emit('close'));
      channel.push(null);
      channel.stderr.push(null);
    },
  };
  running.add(losable);
  // Not `exit`, because output can follow it and it may never come.
  const exit = new Promise<ExitStatus>((resolve) => {
    channel.once('close', () => {
      isOver = true;
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
    exit: exit.finally(memory.kept),
    noise: () => `${output.noise()} ${errors.noise()}`.trim(),
    resize: (columns, rows) => channel.setWindow(rows, columns, 0, 0),
    check,
    close(grace) {
      if (grace === undefined || isOver) return void channel.close();
      channel.signal('TERM');
      const cancel = clock.schedule(grace, () => {
        channel.signal('KILL');
        channel.close();
      });
      void exit.then(cancel);
    },
  };
}
