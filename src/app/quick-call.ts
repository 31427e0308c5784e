import { fstatSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { connectTo } from '../daemon/greeted.ts';
import type { DaemonReply, LineAsk, Word } from '../daemon/messages.ts';
import { daemonPlace, whyNotSafe } from '../daemon/place.ts';
import { frameReader, sendMessage } from '../daemon/wire.ts';
import type { Questions } from '../domain/caller.ts';
import { isInCi } from '../settings/ci.ts';
import { systemClock } from './system-clock.ts';

/*
 * The quickest way to an answer: a simple line is run by azlin's daemon, where everything is loaded and connected, and this process only passes on what comes and
 * goes. It must load next to nothing itself. What it does not take, and what the daemon cannot do, this process runs as if there were no daemon.
 */

/** Options that a line may have, with those that take a value. Others can name files, which belong to this process. */
const COMMON = {
  flags: ['-q', '--quiet', '-v', '--verbose', '--json'],
  texts: ['-o', '--output', '--format', '--color'],
};
const LISTING = {
  flags: [...COMMON.flags, '-a', '--all', '-w', '--wide', '--mine', '--no-sessions', '--refresh', '--running'],
  texts: [...COMMON.texts, '--tag', '--host', '--sort', '--limit'],
};
const LINES: Readonly<Record<string, typeof COMMON>> = {
  exec: {
    flags: [...COMMON.flags, '--create', '--no-session', '--errexit', '--direct'],
    texts: [...COMMON.texts, '--timeout', '--cwd', '-l', '--user', '-p', '--port'],
  },
  list: LISTING,
  ls: LISTING,
  status: LISTING,
  who: LISTING,
  jobs: LISTING,
  ps: LISTING,
};

/** Variables that name files. A relative path belongs to the directory of this process. */
const PATHS = [
  'AZLIN_HOME',
  'AZLIN_CONFIG',
  'AZLIN_KNOWN_HOSTS',
  'AZLIN_SSH_CONFIG',
  'AZLIN_IDENTITY',
  'AZLIN_INVENTORY',
];
const NO_PATHS = ['azure', 'resource-graph', 'none'];

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the daemon may run the line: an `exec` of one command on one target, or a list. */
export function isQuick(argv: readonly string[], environment: Environment): boolean {
  const { AZLIN_PERSIST: persist, AZLIN_DURABLE: durable } = environment;
  if (persist ? /^0/.test(persist) : isInCi(environment)) return false;
  const isOurs = PATHS.every((name) => {
    const value = environment[name];
    return !value || /^[/~]/.test(value) || NO_PATHS.includes(value);
  });
  const [verb = '', ...words] = argv;
  const allowed = Object.hasOwn(LINES, verb) ? LINES[verb] : undefined;
  if (!isOurs || !allowed || argv.some((word) => word.includes('\ufffd'))) return false;
  let at = 0;
  for (; words[at]?.startsWith('-'); at++) {
    const [name = '', value] = (words[at] ?? '').split('=', 2);
    if (allowed.flags.includes(words[at] ?? '')) continue;
    if (!allowed.texts.includes(name)) return false;
    if (value === undefined) at++;
  }
  const rest = words.slice(at);
  if (verb !== 'exec') return rest.length <= 1 && !rest[0]?.startsWith('-');
  // Without a command it reads standard input; a command that begins with a dash was meant for azlin.
  return durable !== 'always' && rest.length > 1 && !/[*?[{,]/.test(rest[0] ?? '') && !/^-./.test(rest[1] ?? '');
}

type Streams = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'on' | 'off' | 'getuid'>;

export interface QuickCall {
  readonly argv: readonly string[];
  readonly process: Streams;
  /** Loads what asks somebody at the terminal. */
  readonly questions: () => Promise<Questions | undefined>;
}

/** Has the daemon run the line, and resolves to the exit code; `outputs`: what is still to be written there is waited for. Undefined if this process has to run it: nothing has happened then. */
export async function callDaemon(
  call: QuickCall,
): Promise<{ readonly exitCode: number; readonly outputs: readonly NodeJS.WriteStream[] } | undefined> {
  const { argv, process } = call;
  const { env: environment } = process;
  const uid = process.getuid?.();
  const home = environment['AZLIN_HOME'] || (environment['HOME'] && join(environment['HOME'], '.azlin'));
  if (uid === undefined || !home || !isQuick(argv, environment)) return undefined;
  try {
    const place = daemonPlace(home, uid);
    if (whyNotSafe(place, uid) !== undefined) return undefined;
    return await run(await connectTo(place.socket, systemClock), call);
  } catch {
    // There is no daemon yet. The call itself starts one.
    return undefined;
  }
}

/** Standard input is not touched unless the others are terminals: another program may want it. */
function terminalsOf(process: Streams): LineAsk['terminals'] {
  // A terminal is a character device; only of those Node has to be asked, which takes longer.
  const columns = (fd: 1 | 2, name: 'stdout' | 'stderr') => {
    if (!isDevice(fd)) return null;
    const { isTTY, columns: wide = 80 } = process[name];
    return isTTY ? wide : null;
  };
  const stderr = columns(2, 'stderr');
  return {
    stdin: stderr !== null && isDevice(0) && process.stdin.isTTY === true,
    stdout: columns(1, 'stdout'),
    stderr,
  };
}

function isDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

/** Milliseconds after a second signal in which the daemon ends the line. */
const STUCK = 1_000;
/** The same after one that is not Ctrl-C: commands have some seconds to end. */
const LEAVING = 10_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

function run(socket: Socket, { argv, process, questions }: QuickCall): Promise<Awaited<ReturnType<typeof callDaemon>>> {
  const say = (word: Word) => void (socket.writable && sendMessage(socket, word));
  let [hasBegun, hasWritten] = [false, false];
  const streams: { stdout?: NodeJS.WriteStream; stderr?: NodeJS.WriteStream } = {};
  return new Promise((resolve) => {
    let received: number | undefined;
    const onSignal = (signal: NodeJS.Signals, number: number) => {
      say({ say: 'signal', signal });
      // Whoever asks twice, or asks the whole process to end, does not want to wait for a daemon that is stuck.
      const ms = received !== undefined ? STUCK : signal === 'SIGINT' ? undefined : LEAVING;
      received ??= number;
      if (ms !== undefined) systemClock.schedule(ms, () => settle({ exitCode: 128 + number, outputs: [] }));
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
    const settle = (result: Awaited<ReturnType<typeof callDaemon>>) => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      socket.destroy();
      // Nothing is begun here for somebody who has interrupted it there.
      if (result === undefined && received !== undefined) resolve({ exitCode: 128 + received, outputs: [] });
      else resolve(result);
    };
    const onQuestion = async ({ id, kind, question }: Extract<DaemonReply, { readonly reply: 'question' }>) => {
      const { errorToWire } = await import('../daemon/messages.ts');
      try {
        const person = await questions();
        // A line that runs in the daemon has no need of Azure: this process runs it instead.
        if (!person || kind === 'signed-in') throw new Error('nobody can be asked');
        say({ say: 'answer', id, value: await person[kind](question) });
      } catch (error) {
        say({ say: 'no-answer', id, error: errorToWire(error) });
      }
    };
    const write = (chunk: Buffer, output: 'stdout' | 'stderr') => {
      // Made when there is something to write, which takes milliseconds.
      const stream = streams[output] ?? process[output].on('error', () => {});
      streams[output] = stream;
      stream.write(chunk, (error: NodeJS.ErrnoException | null | undefined) =>
        say({
          ...{ say: 'written', output, bytes: chunk.length },
          error: error ? { code: error.code ?? '', message: error.message } : undefined,
        }),
      );
    };
    const read = frameReader({
      onMessage(message) {
        const reply = message as DaemonReply;
        if (reply.reply === 'begun') hasBegun = true;
        else if (reply.reply === 'question') void onQuestion(reply);
        else if (reply.reply === 'not-here') settle(undefined);
        else if (reply.reply === 'over') settle({ exitCode: reply.exitCode, outputs: [] });
      },
      onBytes(chunk, isErrors) {
        hasWritten ||= !isErrors;
        write(chunk, isErrors ? 'stderr' : 'stdout');
      },
    });
    const onData = (chunk: Buffer) => {
      try {
        read(chunk);
      } catch {
        socket.destroy();
      }
    };
    socket.on('data', onData).on('error', () => {});
    socket.once('close', () => {
      if (!hasBegun && !hasWritten) return settle(undefined);
      const doubt = hasBegun ? '; the command may have run' : ' in the middle of the answer';
      write(Buffer.from(`error: azlin's daemon has ended${doubt}\n`), 'stderr');
      settle({ exitCode: argv[0] === 'exec' ? 255 : 7, outputs: Object.values(streams) });
    });
    const ask: LineAsk = {
      ask: 'line',
      argv,
      environment: { ...process.env },
      terminals: terminalsOf(process),
    };
    socket.resume();
    sendMessage(socket, ask);
  });
}
