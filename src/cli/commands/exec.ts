import { AppError } from '../../domain/errors.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import { type Args, type Call, defineCommand, type Options } from '../command.ts';
import { readScript, runExec, starter } from '../exec/run-exec.ts';
import { variablesIn } from '../line/env-file.ts';
import {
  checkedNames,
  DURABLE_OPTIONS,
  durableOf,
  durationOf,
  JOB_OPTIONS,
  variablesOf,
} from '../line/exec-options.ts';
import { CHOOSE_OPTIONS, CONTROL_OPTIONS, meantBy, OUTPUT_OPTIONS, refuseIdentifier } from '../line/fleet-options.ts';
import { CREATE_OPTION, FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../line/options.ts';
import { execOnMany } from '../many/exec-on-many.ts';
import { execView } from '../views/exec.ts';

const OPTIONS = {
  ...CREATE_OPTION,
  ...START_OPTION,
  stdin: { kind: 'flag', describe: 'Forward standard input to the command' },
  shell: { kind: 'text', takes: 'SHELL', describe: 'Run it with this shell or interpreter instead of the login shell' },
  errexit: { kind: 'flag', short: 'e', describe: 'Run a script with -eo pipefail' },
  cwd: { kind: 'text', takes: 'PATH', describe: "Run it in this directory instead of the session's" },
  env: {
    kind: 'texts',
    takes: 'VARIABLE',
    describe: 'Set a variable: NAME passes yours on; NAME=VALUE can be read in process lists for a moment',
  },
  'env-file': {
    kind: 'texts',
    takes: 'FILE',
    describe: 'Set variables from a file: NAME=VALUE lines, or NAME<<END, lines, END',
  },
  timeout: { kind: 'text', takes: 'TIME', describe: 'End the command after this long (30s, 5m); exit code 124' },
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
    identifier: "vm:session, a session, or a VM; several: 'web-*:main', a:main,b:api; options of azlin come before it",
    command: 'What to run, flags included; without it standard input is the script',
  },
  takesMany: true,
  examples: [
    { line: 'azlin exec myvm:dev ls -la', does: 'everything after the identifier is the command' },
    { line: 'azlin exec myvm:dev "cd app && make"', does: 'one argument goes to the login shell as it is' },
    { line: 'azlin exec myvm:dev < deploy.sh', does: 'standard input is the script' },
    { line: 'tar c . | azlin exec --stdin myvm:dev tar x', does: 'forward standard input' },
    { line: 'azlin exec --job v42 myvm:dev ./deploy', does: 'as a job: run once, however often asked' },
    { line: 'azlin exec --detach myvm:dev make', does: 'print the id of the job and return' },
    { line: "azlin exec 'web-*:main' uptime", does: 'on every VM that matches and has that session' },
    { line: 'azlin exec --group --tag env=prod uname -r', does: 'who says the same, and who does not' },
    { line: "azlin exec --canary 1 'web-*:main' ./deploy", does: 'one first, then the others' },
  ],
  seeAlso: ['run', 'jobs', 'connect'],
  options: OPTIONS,
  remote: 'after-identifier',
  failsWith255: true,
  async run(call) {
    const { args, positionals, app, config } = call;
    const meant = meantBy(args, positionals['identifier'], 'exec');
    if (meant.kind === 'many') refuseIdentifier(call.remote, meant.from);
    const timeout = durationOf('timeout', args.timeout);
    const files = await Promise.all(args['env-file'].map(variablesIn));
    const variables = checkedNames([...files.flat(), ...variablesOf(args.env, app.environment)]);
    if (args.env.some((text) => text.includes('='))) app.hideArguments();
    const durable = durableOf(args, config, app.environment);
    if (args.detach && args.result !== undefined)
      throw new AppError('usage', 'With --detach there is no outcome to write; azlin wait --result FILE has it');
    const { create, cwd, shell, result } = args;
    const what = await whatToRun(call, meant.kind === 'one' ? meant.identifier : undefined);
    const request = { create, timeout, cwd, shell, variables, ...what };
    if (meant.kind === 'many') return execOnMany({ ...call, args }, { meant, request, durable });
    const { identifier } = meant;
    if (!durable?.detach) return runExec(call, { identifier, start: starter(request, durable), result });
    const { startJob } = await import('../../operations/jobs/durable.ts');
    const job = await startJob(await call.access(), { ...request, ...durable, target: identifier }, call.caller);
    if (job.doubt) throw job.doubt;
    if (job.isFound) call.note(`Job ${job.id} is there already; nothing was started`);
    return { data: { kind: 'job' as const, id: job.id, target: job.target } };
  },
  view: execView,
});

/** Shells that know -e; the login shell gives way to bash where it does not. */
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
    if (errexit) throw new AppError('usage', '--errexit is for scripts; put "set -e" into the command');
    return { command: remote, stdin: stdin ? io.stdin() : undefined };
  }
  if (stdin) throw new AppError('usage', '--stdin needs a command that reads it');
  if (errexit && shell !== undefined && !POSIX_SHELL.test(shell))
    throw new AppError('usage', `--errexit is for shells; "${shell}" is none that azlin knows`);
  const script = await readScript(io, identifier, interrupts.signal);
  if (script.includes('\r\n') && (shell === undefined || POSIX_SHELL.test(shell)))
    warn("The script has Windows line endings (CRLF), and the shell sees the CR in each line; tr -d '\\r' removes it");
  return { command: { script, errexit }, stdin: undefined };
}
