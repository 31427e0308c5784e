import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import { printable, shorten } from '../domain/text.ts';

export interface ProxyCommand {
  /** For a shell; what is put into it is safe already. */
  readonly command: string;
  readonly shell: string;
  readonly clock: Clock;
  /** Gets each line that the command says on stderr while it is in use. */
  readonly onLine: (line: string) => void;
}

const NOISE_KEPT = 2_000;
/** Milliseconds for the last words of a command that has ended; what it has started may hold its stderr for ever. */
const LAST_WORDS = 200;

/**
 * The streams of a local command as one stream, which ends with the command's output. When that ends before it has given anything, the stream
 * fails with what the command said. Destroying the stream ends the command and what it has started.
 */
export function openProxyCommand({ command, shell, clock, onLine }: ProxyCommand): Duplex {
  // A process group of its own: Ctrl-C is for the remote command, and all of it can be ended at once.
  let stream: Duplex | undefined;
  const child = spawn(shell, ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.on('error', (error) => stream?.destroy(error));
  // Without a process there are no streams, whatever the types say: the system has no room for one.
  if (child.pid === undefined) throw new Error('Cannot start ProxyCommand: this machine is out of resources');
  let said = '';
  let isHeard = false;
  const tell = (isLast: boolean) => {
    const lines = said.split('\n');
    said = isLast ? '' : (lines.pop() ?? '');
    for (const line of lines) if (line.trim() !== '') onLine(printable(line));
  };
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-NOISE_KEPT);
    // Before it has given anything, what it says may become the reason why not.
    if (isHeard) tell(false);
  });
  child.stderr.on('end', () => isHeard && tell(true));
  child.stdin.on('error', () => {});
  const opened = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk, _encoding, done) => void child.stdin.write(chunk, () => done()),
    final: (done) => void child.stdin.end(() => done()),
    destroy(error, done) {
      end(child);
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!isHeard) tell(false);
    isHeard = true;
    if (!opened.push(chunk)) child.stdout.pause();
  });
  const fail = (code: number | null, signal: string | null) => {
    if (opened.destroyed) return;
    const how = code === null ? `signal ${signal}` : `exit status ${code}`;
    const reason = shorten(printable(said.trim().replace(/\s+/g, ' ')), 300);
    opened.destroy(new Error(`ProxyCommand ended with ${how}${reason ? `: ${reason}` : ''}`));
  };
  child.stdout.once('end', () => {
    if (isHeard) return void opened.push(null);
    child.once('close', fail);
    const onExit = () => clock.schedule(LAST_WORDS, () => fail(child.exitCode, child.signalCode));
    if (child.exitCode !== null || child.signalCode !== null) onExit();
    else child.once('exit', onExit);
  });
  stream = opened;
  return opened;
}

function end({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGHUP');
  } catch {
    // It has just ended.
  }
}
