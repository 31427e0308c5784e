import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import { describeRef } from '../../targets/target.ts';
import { onTerminal } from '../attach/attach.ts';
import { type Args, type Call, defineCommand, type Options } from '../command.ts';
import { resolveAlone } from '../exec/alone.ts';
import { readScript, runExec, type StartCommand, starter } from '../exec/run-exec.ts';
import { variablesIn } from '../line/env-file.ts';
import {
  checkedNames,
  DURABLE_OPTIONS,
  durableOf,
  durationOf,
  JOB_OPTIONS,
  variablesOf,
} from '../line/exec-options.ts';
import {
  CHOOSE_OPTIONS,
  CONTROL_OPTIONS,
  type Meant,
  meantBy,
  OUTPUT_OPTIONS,
  refuseIdentifier,
  wantsRecords,
} from '../line/fleet-options.ts';
import {
  CREATE_OPTION,
  FORWARD_OPTION,
  SCOPE_OPTIONS,
  SSH_OPTIONS,
  START_OPTION,
  TTY_OPTION,
} from '../line/options.ts';
import { execOnMany } from '../many/exec-on-many.ts';
import { execView } from '../views/exec.ts';

const OPTIONS = {
  ...CREATE_OPTION,
  ...START_OPTION,
  ...TTY_OPTION,
  'no-session': { kind: 'flag', describe: 'As over ssh: home directory, no session' },
  stdin: { kind: 'flag', describe: 'Forward standard input to the command' },
  shell: { kind: 'text', takes: 'SHELL', describe: 'Run with this shell, not the login shell' },
  errexit: { kind: 'flag', short: 'e', describe: 'Run a script with -eo pipefail' },
  cwd: { kind: 'text', takes: 'PATH', describe: 'Run in this directory' },
  env: {
    kind: 'texts',
    takes: 'VARIABLE',
    describe: 'NAME=VALUE, or NAME for its local value',
  },
  'env-file': {
    kind: 'texts',
    takes: 'FILE',
    describe: 'Variables from a file of NAME=VALUE lines',
  },
  timeout: { kind: 'text', takes: 'TIME', describe: 'End the command after this long (30s, 5m)' },
  result: { kind: 'text', takes: 'FILE', describe: 'Write the outcome to this file as JSON' },
  ...DURABLE_OPTIONS,
  ...JOB_OPTIONS,
  ...CHOOSE_OPTIONS,
  ...CONTROL_OPTIONS,
  ...OUTPUT_OPTIONS,
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
  ...FORWARD_OPTION,
} as const satisfies Options;

export const exec = defineCommand({
  usage: '[identifier] [command..]',
  positionals: {
    identifier: "vm:session, a session, a VM, or several: 'web-*:main'",
    command: 'The command and its options; without one, stdin is the script',
  },
  takesMany: true,
  examples: [
    { line: 'azlin exec myvm:dev ls -la', does: 'run a command in a session' },
    { line: 'azlin exec myvm:dev "cd app && make"', does: 'a line for the login shell' },
    { line: 'azlin exec myvm:dev < deploy.sh', does: 'run a script' },
    { line: 'tar c . | azlin exec --stdin myvm tar x', does: 'forward standard input' },
    { line: 'azlin exec --job v42 myvm:dev ./deploy', does: 'as a job, which runs once' },
    { line: "azlin exec 'web-*:main' uptime", does: 'on every VM that matches' },
    { line: 'azlin exec --group --tag env=prod date', does: 'show identical output once' },
    { line: "azlin exec --canary 1 '*:main' ./deploy", does: 'on one VM first' },
  ],
  seeAlso: ['run', 'jobs', 'connect'],
  options: OPTIONS,
  remote: 'after-identifier',
  failsWith255: true,
  takesTerminal: 'with-tty',
  async run(call) {
    const { args, positionals, app, config } = call;
    const records = wantsRecords(call) && !args.detach;
    const meant = meantBy(args, positionals['identifier'], { name: 'exec', records });
    if (meant.kind === 'many') refuseIdentifier(call.remote, meant.from);
    const timeout = durationOf('timeout', args.timeout);
    const files = await Promise.all(args['env-file'].map(variablesIn));
    const variables = checkedNames([...files.flat(), ...variablesOf(args.env, app.environment)]);
    if (args.env.some((text) => text.includes('='))) app.hideArguments();
    const durable = durableOf(args, config, app.environment);
    if (args.detach && args.result !== undefined)
      throw new AppError('usage', '--detach leaves no outcome to write; use azlin wait --result FILE');
    const { create, cwd, shell, result } = args;
    if (args.tty) refuseBeside(args, '--tty', [...JOB_WISHES, 'stdin', 'result', 'timeout', 'errexit']);
    if (args['no-session']) refuseBeside(args, '--no-session', [...JOB_WISHES, 'create', 'session']);
    if (args.tty) return onTerminalOf({ ...call, args }, meant, { create, timeout, cwd, shell, variables });
    const what = await whatToRun(call, meant.kind === 'one' ? meant.identifier : undefined);
    const request = { create, timeout, cwd, shell, variables, ...what };
    if (meant.kind === 'many') return execOnMany({ ...call, args }, { meant, request, durable });
    const { identifier } = meant;
    if (args['no-session'])
      return runExec(call, { identifier, start: startAlone(starter(request, undefined)), result });
    if (!durable?.detach) return runExec(call, { identifier, start: starter(request, durable), result });
    const { startJob } = await import('../../operations/jobs/durable.ts');
    const job = await startJob(await call.access(), { ...request, ...durable, target: identifier }, call.caller);
    if (job.doubt) throw job.doubt;
    if (job.isFound) call.note(`Job ${job.id} already exists; nothing was started`);
    return { data: { kind: 'job' as const, id: job.id, target: job.target } };
  },
  view: execView,
});

const NO_SESSION = { why: '--no-session', line: 'azlin exec --no-session' };

/** Options that make a command a job, or are about one. */
const JOB_WISHES = ['durable', 'job', 'detach', 'on-disconnect', 'on-interrupt'] as const;

function refuseBeside(
  args: Args<typeof OPTIONS>,
  option: string,
  others: readonly (keyof Args<typeof OPTIONS>)[],
): void {
  const other = others.find((name) => args[name] !== undefined && args[name] !== false);
  if (other !== undefined) throw new AppError('usage', `Give ${option} or --${other}, not both`);
}

async function onTerminalOf(
  call: Call & { readonly args: Args<typeof OPTIONS> },
  meant: Meant,
  fields: Omit<ExecRequest, 'target' | 'command' | 'stdin'>,
): Promise<{ readonly exitCode: number }> {
  if (meant.kind === 'many') throw new AppError('usage', '--tty is for one target: many cannot share a terminal');
  const { identifier } = meant;
  const command = call.remote;
  if (command.length === 0)
    throw new AppError('usage', 'Missing command', {
      hint: `azlin connect ${shellWord(identifier)} attaches to a session`,
    });
  return onTerminal(call, {
    identifier,
    open: async (access, terminal, caller) => {
      const isAlone = call.args['no-session'];
      const target = isAlone ? await resolveAlone(access, { identifier, ...NO_SESSION }, caller) : identifier;
      const { execOnTerminal } = await import('../../operations/exec/exec-on-terminal.ts');
      return execOnTerminal(access, { ...fields, target, command, stdin: undefined, terminal }, caller);
    },
  });
}

/** The same on the VM alone, without a session. */
function startAlone(start: StartCommand): StartCommand {
  return async (access, identifier, caller) => {
    const text = describeRef(identifier);
    return start(access, await resolveAlone(access, { identifier: text, ...NO_SESSION }, caller), caller);
  };
}

/** Shells that know -e. If the login shell does not, bash runs the script. */
const POSIX_SHELL = /(^|\/)(ba|z|k|mk|da|a)?sh$/;

async function whatToRun(
  {
    args,
    remote,
    io,
    interrupts,
    warn,
  }: Pick<Call, 'remote' | 'io' | 'interrupts' | 'warn'> & { args: Args<typeof OPTIONS> },
  identifier: string | undefined,
): Promise<Pick<ExecRequest, 'command' | 'stdin'>> {
  const { errexit, stdin, shell } = args;
  if (remote.length > 0) {
    if (errexit) throw new AppError('usage', '--errexit only works with scripts; put "set -e" into the command');
    return { command: remote, stdin: stdin ? io.stdin() : undefined };
  }
  if (stdin) throw new AppError('usage', '--stdin needs a command');
  if (errexit && shell !== undefined && !POSIX_SHELL.test(shell))
    throw new AppError('usage', `--errexit needs a shell, and "${shell}" is not one that azlin knows`);
  const script = await readScript(io, identifier, interrupts.signal);
  if (script.includes('\r\n') && (shell === undefined || POSIX_SHELL.test(shell)))
    warn(
      "The script has Windows line endings (CRLF), which the shell reads as part of each line; tr -d '\\r' removes them",
    );
  return { command: { script, errexit }, stdin: undefined };
}
