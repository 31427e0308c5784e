import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import { printable, shorten } from '../domain/text.ts';

export interface ProxyCommand {
  /** A line for a shell. Values that were put into it are safe already. */
  readonly command: string;
  readonly shell: string;
  readonly clock: Clock;
  /** Called with each line that the command writes to stderr while it is in use. */
  readonly onLine: (line: string) => void;
}

const NOISE_KEPT = 2_000;
/** Milliseconds to wait for the last output of a command that has ended. Processes that it started may keep its stderr open for ever. */
const LAST_WORDS = 200;

/**
 * Runs a local command and combines its streams into one, which ends when the command's output ends. If there was no output, the stream fails with what the
 * command wrote to stderr. Destroying the stream ends the command and the processes that it started.
 */
export function openProxyCommand({ command, shell, clock, onLine }: ProxyCommand): Duplex {
  // The command has its own process group: Ctrl-C is meant for the remote command, and the whole group can be ended at once.
  let stream: Duplex | undefined;
  const child = spawn(shell, ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.on('error', (error) => stream?.destroy(error));
  // If there is no process there are no streams, whatever the types say. This happens when the system has no room for one.
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
    // Before there is any output, what it says may become the reason for a failure.
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
