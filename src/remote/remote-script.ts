import { randomBytes } from 'node:crypto';
import type { RemoteScript } from '../domain/remote-script.ts';
import { quoteArgv } from '../domain/text.ts';
import { shellFile } from './shell-files.ts';
import type { ValueName } from './values.ts';

/** The scripts, and what each needs to know; the files say what the values mean. */
export type ScriptName = (typeof SCRIPTS)[number];

export const SCRIPTS = [
  'command',
  'exec',
  'facts',
  'signal',
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
] as const;

export type ScriptValues = Readonly<Partial<Record<ValueName, string | Uint8Array>>>;

/** A script of ours with its values. Rows of ours start with a mark that nobody on the VM can know. */
export function remoteScript(name: ScriptName, values: ScriptValues = {}): RemoteScript {
  const all = { mark: randomBytes(12).toString('hex'), ...values };
  const assignments = Object.entries(all).map(([key, value]) => `azlin_${key}=${quoted(value)}\n`);
  return {
    text: Buffer.concat([...assignments.map((line) => Buffer.from(line, 'latin1')), Buffer.from(shellFile(name))]),
  };
}

/** A program with its arguments and all its streams, as the script that becomes it. */
export function commandScript(argv: readonly string[]): RemoteScript {
  return remoteScript('command', { argv: quoteArgv(argv) });
}

/** Bytes as characters: a script of the user may be in any encoding. */
function quoted(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  return `'${bytes.toString('latin1').replaceAll("'", "'\\''")}'`;
}
