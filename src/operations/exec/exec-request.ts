import type { Readable } from 'node:stream';
import { AppError } from '../../domain/errors.ts';
import { keepSecret } from '../../domain/secrets.ts';
import { quoteArgv, shellWord } from '../../domain/text.ts';
import type { Target, TargetRef } from '../../targets/target.ts';
import type { SessionCommand } from '../../tmux/exec-script.ts';
import type { FleetSettings } from '../access/fleet-access.ts';

export interface ExecRequest {
  readonly target: TargetRef;
  /** A single word is passed to the shell as it is; several words are quoted so that they arrive unchanged. */
  readonly command: readonly string[] | Script;
  /** The command's standard input; undefined for none. */
  readonly stdin: Readable | undefined;
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout: number | undefined;
  /** By the clock: when the command must be over, however late it starts. */
  readonly until?: number | undefined;
  /** Where to run instead of the session's directory; a relative path starts from that directory. */
  readonly cwd?: string | undefined;
  /** Added to the session's environment, which they override. */
  readonly variables?: readonly Variable[];
  /** The shell, or another interpreter, to use instead of the login shell. */
  readonly shell?: string | undefined;
}

export interface Script {
  readonly script: Uint8Array;
  /** Run it with -eo pipefail. */
  readonly errexit: boolean;
}

export interface Variable {
  readonly name: string;
  /** Text, or bytes in any encoding. */
  readonly value: string | Uint8Array;
}

/** Values of variables may be secrets: they are sent to nobody who has not let the user in. */
export function mayGoEarly({ variables = [] }: Pick<ExecRequest, 'variables'>): boolean {
  return variables.length === 0;
}

export function isScript(command: ExecRequest['command']): command is Script {
  return 'script' in command;
}

/** The first word of a command, if it is a plain one: the others may be secret. */
export function programOf(command: ExecRequest['command']): string | undefined {
  if (isScript(command)) return undefined;
  const [first = '', ...more] = command;
  if (more.length > 0) return /^[\w./+-]{1,64}$/.test(first) ? first : undefined;
  return /^\s*([\w./+-]{1,64})(?=[\s;&|<>)]|$)/.exec(first)?.[1];
}

/** Milliseconds that a command has if it starts now: until its timeout or `until`, whichever comes first. */
export function timeLimit({ timeout, until }: Pick<ExecRequest, 'timeout' | 'until'>, now: number): number | undefined {
  if (until === undefined) return timeout;
  // At least 1: no time left must not turn into no limit.
  return Math.max(1, Math.min(timeout ?? Number.POSITIVE_INFINITY, until - now));
}

/** Turns a request into the command for one session. Throws `usage` for anything that a shell could not take unchanged. */
export function prepare(
  request: ExecRequest,
  target: Target,
  { killAfter, label }: Pick<FleetSettings, 'killAfter' | 'label'>,
): SessionCommand {
  const { command: asked, stdin, timeout, cwd, shell, variables = [] } = request;
  for (const { name, value } of variables) {
    checkVariable(name);
    keepSecret(Buffer.from(value as Uint8Array).toString());
  }
  const text = isScript(asked) ? asked.script : asked.length === 1 ? (asked[0] ?? '') : quoteArgv(asked);
  checkShellText(text);
  return {
    session: target.session,
    alone: target.origin === 'alone',
    owner: request.create || target.origin === 'default' ? label : undefined,
    run: isScript(asked)
      ? { kind: asked.errexit ? 'errexit' : 'script', text, title: titleOf(asked) }
      : { kind: asked.length === 1 ? 'command' : 'words', text, title: `${text}` },
    stdin: stdin !== undefined,
    timeout,
    killAfter,
    agent: target.endpoint.ssh.forwardAgent !== undefined,
    cwd,
    shell,
    variables: Buffer.from(variables.map(exportLine).join(''), 'latin1'),
  };
}

/** The line is latin1 text, so that a value keeps its bytes in any encoding. */
function exportLine({ name, value }: Variable): string {
  const bytes = Buffer.from(value as Uint8Array);
  if (bytes.includes(0))
    throw new AppError('usage', `The value of ${name} contains a NUL byte, which no variable can hold`);
  return `export ${name}=${shellWord(bytes.toString('latin1'))}\n`;
}

/** Throws `usage` for NUL bytes. Shells drop them, each in its own way, so something else would run than what was written. */
export function checkShellText(text: Uint8Array | string): void {
  const bytes = Buffer.from(text as Uint8Array);
  const at = bytes.indexOf(0);
  if (at < 0) return;
  const what = typeof text === 'string' ? 'The command' : 'The script';
  const line = bytes.subarray(0, at).toString('latin1').split('\n').length;
  const isUtf16 = bytes[0] === 0xff || bytes[0] === 0xfe || bytes[1] === 0;
  throw new AppError('usage', `${what} contains a NUL byte in line ${line}, which no shell can run`, {
    hint: isUtf16
      ? 'it looks like UTF-16; convert it with iconv -f UTF-16 -t UTF-8'
      : 'if it is a program, copy it to the VM and run it there',
  });
}

/** Throws `usage` for a variable name that is not allowed. The name becomes part of a script. */
export function checkVariable(name: string): void {
  if (
    !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
    /^(azlin_.*|_q.{0,2}|IFS|OPTIND|UID|EUID|PPID|SHELLOPTS|BASHOPTS)$/.test(name)
  )
    throw new AppError('usage', `Invalid variable name "${name}"`, {
      hint: 'use letters, digits and "_", and do not start with a digit; names like azlin_…, IFS and UID are reserved',
    });
}

/** The first line of a script that is neither blank nor a comment. */
function titleOf({ script }: Script): string {
  const start = Buffer.from(script.subarray(0, 2_000)).toString('utf8');
  const first = start.split('\n').find((line) => /^\s*[^\s#]/.test(line)) ?? '';
  return `script: ${first.trim()}`;
}
