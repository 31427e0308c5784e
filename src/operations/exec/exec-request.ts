import type { Readable } from 'node:stream';
import { AppError } from '../../domain/errors.ts';
import { keepSecret } from '../../domain/secrets.ts';
import { quoteArgv, shellWord } from '../../domain/text.ts';
import type { Target, TargetRef } from '../../targets/target.ts';
import type { SessionCommand } from '../../tmux/exec-script.ts';
import type { FleetSettings } from '../access/fleet-access.ts';

export interface ExecRequest {
  readonly target: TargetRef;
  /** One word goes to the shell as it is, several are quoted so that they arrive as they were. */
  readonly command: readonly string[] | Script;
  /** What the command reads; undefined leaves it with nothing. */
  readonly stdin: Readable | undefined;
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout: number | undefined;
  /** By the clock: when it must be over, however late it starts. */
  readonly until?: number | undefined;
  /** Where to run instead of the session's directory; a relative one starts there. */
  readonly cwd?: string | undefined;
  /** Set over what the session has. */
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
  /** A text, or its bytes in whatever encoding. */
  readonly value: string | Uint8Array;
}

export function isScript(command: ExecRequest['command']): command is Script {
  return 'script' in command;
}

/** Milliseconds that a command has which starts now: until its timeout, or until `until`. */
export function timeLimit({ timeout, until }: Pick<ExecRequest, 'timeout' | 'until'>, now: number): number | undefined {
  if (until === undefined) return timeout;
  // None at all would mean no limit.
  return Math.max(1, Math.min(timeout ?? Number.POSITIVE_INFINITY, until - now));
}

/** A request, for one session. Throws `usage` for what no shell could take as it is. */
export function prepare(
  request: ExecRequest,
  target: Target,
  { killAfter }: Pick<FleetSettings, 'killAfter'>,
): SessionCommand {
  const { command: asked, stdin, timeout, cwd, shell, variables = [] } = request;
  for (const { name, value } of variables) {
    checkVariable(name);
    keepSecret(Buffer.from(value as Uint8Array).toString());
  }
  const text = isScript(asked) ? asked.script : asked.length === 1 ? (asked[0] ?? '') : quoteArgv(asked);
  checkText(text);
  return {
    session: target.session,
    create: request.create || target.origin === 'default',
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

/** In latin1: a value keeps its bytes, whatever they mean. */
function exportLine({ name, value }: Variable): string {
  const bytes = Buffer.from(value as Uint8Array);
  if (bytes.includes(0))
    throw new AppError('usage', `The value of ${name} contains a NUL byte, which no variable can hold`);
  return `export ${name}=${shellWord(bytes.toString('latin1'))}\n`;
}

/** Shells leave NUL bytes out, each in its own way: what would run is not what was written. */
function checkText(text: Uint8Array | string): void {
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

/** Throws `usage` for a name that a command must not have: it becomes a part of a script. */
export function checkVariable(name: string): void {
  if (
    !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
    /^(azlin_.*|_q.{0,2}|IFS|OPTIND|UID|EUID|PPID|SHELLOPTS|BASHOPTS)$/.test(name)
  )
    throw new AppError('usage', `Invalid variable name "${name}"`, {
      hint: 'use letters, digits and "_", and do not start with a digit; names like azlin_…, IFS and UID are reserved',
    });
}

/** The first line of a script that does something. */
function titleOf({ script }: Script): string {
  const start = Buffer.from(script.subarray(0, 2_000)).toString('utf8');
  const first = start.split('\n').find((line) => /^\s*[^\s#]/.test(line)) ?? '';
  return `script: ${first.trim()}`;
}
