import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { CLI } from './fleet.ts';
import { startLab } from './lab.ts';
import { random as randomFrom } from './random.ts';
import { until } from './until.ts';

export interface TypingRequest {
  readonly events: number;
  readonly seed: number;
}

export interface TypingResult {
  readonly events: number;
  readonly bytes: number;
  /** Where what arrived first differs from what was typed; undefined if it does not. */
  readonly differs: string | undefined;
}

/** Keys as terminals send them, except the prefix of tmux and keys that tmux translates. */
const KEYS = [
  '\r',
  '\t',
  '\u001b',
  '\u007f',
  '\u0001',
  '\u0003',
  '\u0004',
  '\u0016',
  '\u001a',
  '~',
  '.',
  '?',
  'é',
  '東',
  '👍',
  ' ',
  'a',
  'Z',
  '\\',
  '"',
  "'",
  '$',
  '`',
  ';',
];

/** Two clients on one session type and paste at random, in turns; the pane keeps what arrives. */
export async function throughTwoTypists({ events, seed }: TypingRequest): Promise<TypingResult> {
  const random = randomFrom(seed);
  const lab = await startLab();
  const children = new Set<ReturnType<typeof spawn>>();
  try {
    const machine = await lab.start('vm');
    const env = { ...lab.environment(), TERM: 'xterm-256color' };
    const path = join(machine.home, 'typed');
    const typists = [0, 1].map(() => {
      // util-linux's script is the terminal: what is written to it counts as typed.
      const child = spawn(
        'script',
        ['-qefc', `stty cols 80 rows 24; exec ${process.execPath} ${CLI} connect vm:dev`, '/dev/null'],
        { env },
      );
      children.add(child);
      let screen = '';
      child.stdout.on('data', (chunk: Buffer) => {
        screen = (screen + chunk.toString('latin1')).slice(-20_000);
      });
      return { type: (text: string | Buffer) => void child.stdin.write(text), screen: () => screen };
    });
    const [first] = typists;
    for (const typist of typists) await until('a session', () => typist.screen().includes('[dev]'));
    first?.type("stty raw -echo; printf '\\033[?2004l'; echo read''y; exec cat >typed\r");
    await until('the pane to listen', () => typists.every((one) => one.screen().includes('ready')));
    const truth: Buffer[] = [];
    let length = 0;
    // Whether each client is at the start of a line.
    const isLineStart = [false, false];
    for (let done = 0; done < events; ) {
      const who = random() < 0.5 ? 0 : 1;
      for (const burst = done + 1 + Math.floor(random() * 20); done < Math.min(burst, events); done++) {
        const { typed, arrives } = random() < 0.05 ? paste(random) : key(random, isLineStart[who] ?? false);
        isLineStart[who] = arrives.at(-1) === 0x0d;
        // azlin does not take an escape from a longer piece of input, so what came before must have arrived.
        const isEscape = !typed.equals(arrives);
        if (isEscape) await arrived(path, length);
        typists[who]?.type(typed);
        truth.push(arrives);
        length += arrives.length;
        // tmux would take an Escape and what follows at once for one key.
        if (isEscape || arrives.includes(0x1b)) await arrived(path, length);
      }
      await arrived(path, length);
    }
    return { events, bytes: length, differs: difference(Buffer.concat(truth), read(path, length + 1_000)) };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    lab.close();
  }
}

interface Event {
  readonly typed: Buffer;
  readonly arrives: Buffer;
}

function key(random: () => number, isLineStart: boolean): Event {
  const arrives = Buffer.from(KEYS[Math.floor(random() * KEYS.length)] ?? 'x');
  // A tilde at the beginning of a line must be typed twice.
  return { arrives, typed: isLineStart && arrives.toString() === '~' ? Buffer.from('~~') : arrives };
}

/** A bracketed paste: text between marks, which tmux passes on. */
function paste(random: () => number): Event {
  const part = () => ['\r', '~.', '~?', 'text é ', 'x'.repeat(random() * 40)][Math.floor(random() * 5)];
  const text = Array.from({ length: 1 + Math.floor(random() * 60) }, part).join('');
  const typed = Buffer.from(`\u001b[200~${text}\u001b[201~`);
  return { typed, arrives: typed };
}

async function arrived(path: string, length: number): Promise<void> {
  await until(`${length} bytes to arrive`, () => read(path, length).length >= length, 30_000);
}

function read(path: string, length: number): Buffer {
  try {
    const file = openSync(path, 'r');
    const bytes = Buffer.alloc(length);
    const got = readSync(file, bytes, 0, length, 0);
    closeSync(file);
    return bytes.subarray(0, got);
  } catch {
    return Buffer.alloc(0);
  }
}

function difference(truth: Buffer, got: Buffer): string | undefined {
  if (truth.equals(got)) return undefined;
  const at = truth.findIndex((byte, index) => got[index] !== byte);
  const around = (bytes: Buffer) => JSON.stringify(bytes.subarray(Math.max(0, at - 20), at + 20).toString('latin1'));
  return `at ${at}: ${around(truth)} typed, ${around(got)} arrived`;
}
