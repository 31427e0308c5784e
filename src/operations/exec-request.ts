import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { shellWord } from '../domain/text.ts';
import type { Target } from '../targets/target.ts';
import type { SessionCommand } from '../tmux/exec-argv.ts';
import { quoteArgv } from '../transport/shell-quote.ts';

export interface ExecRequest {
  readonly identifier: string;
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
  readonly value: string;
}

export function isScript(command: ExecRequest['command']): command is Script {
  return 'script' in command;
}

/** A request for one session, and what standard input starts with. */
export interface Prepared {
  readonly command: SessionCommand;
  /** The variables; for a script all there is. */
  readonly header: string;
  readonly script: Uint8Array | undefined;
}

/** Milliseconds that a command has which starts now: until its timeout, or until `until`. */
export function timeLimit({ timeout, until }: Pick<ExecRequest, 'timeout' | 'until'>, now: number): number | undefined {
  if (until === undefined) return timeout;
  // None at all would mean no limit.
  return Math.max(1, Math.min(timeout ?? Number.POSITIVE_INFINITY, until - now));
}

export function prepare(request: ExecRequest, target: Target): Prepared {
  const { command: asked, stdin, timeout, cwd, shell, variables = [] } = request;
  for (const { name } of variables) checkVariable(name);
  const header = variables.map(({ name, value }) => `export ${name}=${shellWord(value)}\n`).join('');
  const end = randomBytes(16).toString('hex');
  const command: SessionCommand = {
    session: target.session,
    create: request.create || target.origin === 'default',
    run: isScript(asked)
      ? { kind: asked.errexit ? 'errexit' : 'script', command: titleOf(asked), end }
      : { kind: 'command', command: asked.length === 1 ? (asked[0] ?? '') : quoteArgv(asked), end: '' },
    stdin: stdin !== undefined,
    timeout,
    agent: target.endpoint.ssh.forwardAgent !== undefined,
    cwd,
    shell,
    variables: header.split('\n').slice(0, -1),
  };
  const script = isScript(asked) ? Buffer.concat([asked.script, Buffer.from(end)]) : undefined;
  return { command, header, script };
}

/** Throws `usage` for a name that a command must not have: it becomes a part of a script. */
export function checkVariable(name: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || /^(azlin_.*|IFS|OPTIND)$/.test(name))
    throw new AppError('usage', `Invalid name of a variable: "${name}"`, {
      hint: 'letters, digits and "_", no digit first; not IFS, OPTIND or azlin_…',
    });
}

/** The first line of a script that does something. */
function titleOf({ script }: Script): string {
  const start = Buffer.from(script.subarray(0, 2_000)).toString('utf8');
  const first = start.split('\n').find((line) => /^\s*[^\s#]/.test(line)) ?? '';
  return `script: ${first.trim()}`;
}
