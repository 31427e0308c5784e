import { randomBytes } from 'node:crypto';
import type { RemoteScript } from '../domain/remote-script.ts';
import { quoteArgv } from '../domain/text.ts';
import { shellFile } from './shell-files.ts';
import type { ValueName } from './values.ts';

/** The name of a script; the files say which values each one needs. */
export type ScriptName = (typeof SCRIPTS)[number];

export const SCRIPTS = [
  'command',
  'exec',
  'facts',
  'host-keys',
  'signal',
  'terminal',
  'timed-out',
  'jobs/cancel',
  'jobs/follow',
  'jobs/list',
  'jobs/live',
  'jobs/live-supervisor',
  'jobs/signal',
  'jobs/start',
  'jobs/supervisor',
  'jobs/upload',
  'tmux/attach',
  'tmux/close',
  'tmux/detach',
  'tmux/ensure',
  'tmux/expire',
  'tmux/idle',
  'tmux/list',
  'tmux/name',
  'tmux/own-client',
  'tmux/rename',
  'tmux/screen',
  'tmux/send',
  'tmux/shell',
  'tmux/tell',
  'tmux/watch',
] as const;

/** Those that change nothing, or nothing before azlin has answered them. */
const REPEATABLE: readonly ScriptName[] = [
  'facts',
  'host-keys',
  'jobs/follow',
  'jobs/list',
  'tmux/attach',
  'tmux/idle',
  'tmux/list',
  'tmux/screen',
  'tmux/watch',
];

export type ScriptValues = Readonly<Partial<Record<ValueName, string | Uint8Array>>>;

/** One of azlin's scripts, with its values. Its rows start with a mark that nobody on the VM can know. */
export function remoteScript(name: ScriptName, values: ScriptValues = {}): RemoteScript {
  const all = { mark: randomBytes(12).toString('hex'), ...values };
  const assignments = Object.entries(all).map(([key, value]) => `azlin_${key}=${quoted(value)}\n`);
  return {
    mayRepeat: REPEATABLE.includes(name),
    text: Buffer.concat([...assignments.map((line) => Buffer.from(line, 'latin1')), Buffer.from(shellFile(name))]),
  };
}

/** A script that becomes the given program, with its arguments and all streams. */
export function commandScript(argv: readonly string[]): RemoteScript {
  return remoteScript('command', { argv: quoteArgv(argv) });
}

/** Quotes a value for the shell, with each byte as one character: a user's script may be in any encoding. */
function quoted(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  return `'${bytes.toString('latin1').replaceAll("'", "'\\''")}'`;
}
