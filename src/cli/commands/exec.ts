import { AppError } from '../../domain/errors.ts';
import type { ExecRequest } from '../../operations/exec-request.ts';
import { type Args, type Call, defineCommand, type Options, type View } from '../command.ts';
import { DURABLE_OPTIONS, durableOf, durationOf, JOB_OPTIONS, variablesOf } from '../exec-options.ts';
import { readScript, runExec, starter } from '../exec-streams.ts';
import { CREATE_OPTION, FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../options.ts';

const OPTIONS = {
  ...CREATE_OPTION,
  ...START_OPTION,
  stdin: { kind: 'flag', describe: 'Forward standard input to the command' },
  shell: { kind: 'text', describe: 'Run it with this shell or interpreter instead of the login shell' },
  errexit: { kind: 'flag', short: 'e', describe: 'Run a script with -eo pipefail' },
  cwd: { kind: 'text', describe: "Run it in this directory instead of the session's" },
  env: { kind: 'texts', describe: 'Set a variable: NAME=VALUE, or NAME to pass it on; can be repeated' },
  timeout: { kind: 'text', describe: 'End the command after this long (30s, 5m); exit code 124' },
  result: { kind: 'text', describe: 'Write the outcome to this file as JSON' },
  ...DURABLE_OPTIONS,
  ...JOB_OPTIONS,
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
  ...FORWARD_OPTION,
} as const satisfies Options;

interface Detached {
  readonly id: string;
  readonly target: string;
}

const detachedView: View<Detached> = {
  text: ({ id }) => `${id}\n`,
  records: (detached) => detached,
};

export const exec = defineCommand({
  name: 'exec',
  usage: '<identifier> [command..]',
  positionals: {
    identifier: 'vm:session, a session, or a VM; options of azlin come before it',
    command: 'What to run, flags included; without it standard input is the script',
  },
  summary: "Run a command in a session's context: its environment, its directory",
  examples: [
    { line: 'azlin exec myvm:dev ls -la', does: 'everything after the identifier is the command' },
    { line: 'azlin exec myvm:dev "cd /app && make"', does: 'one argument goes to the login shell as it is' },
    { line: 'azlin exec myvm:dev < deploy.sh', does: 'standard input is the script' },
    { line: 'tar c . | azlin exec --stdin myvm:dev tar x', does: 'forward standard input' },
    { line: 'azlin exec --job v42 myvm:dev ./deploy', does: 'as a job: run once, however often asked' },
    { line: 'azlin exec --detach myvm:dev make', does: 'print the id of the job and return' },
  ],
  options: OPTIONS,
  remote: 'after-identifier',
  failsWith255: true,
  async run(call) {
    const { args, positionals, app, config, interrupts } = call;
    const identifier = positionals['identifier'] ?? '';
    const timeout = durationOf('timeout', args.timeout);
    const variables = variablesOf(args.env, app.environment);
    if (args.env.some((text) => text.includes('='))) app.hideArguments();
    const durable = durableOf(args, config, app.environment);
    if (args.detach && args.result !== undefined)
      throw new AppError('usage', 'With --detach there is no outcome to write; azlin wait --result FILE has it');
    const { create, cwd, shell, result } = args;
    const rest = { identifier, create, timeout, cwd, shell, variables };
    const request = { ...rest, ...(await whatToRun(call, identifier)) };
    if (durable?.detach) {
      const { startJob } = await import('../../operations/durable.ts');
      const job = await startJob(await call.access(), { ...request, ...durable }, interrupts.signal);
      if (job.doubt) throw job.doubt;
      if (job.isFound) call.note(`Job ${job.id} is there already; nothing was started`);
      return { data: { id: job.id, target: job.target } };
    }
    return runExec(call as Call, { identifier, start: starter(request, durable), result });
  },
  view: detachedView,
});

/** Shells that know -e; the login shell gives way to bash where it does not. */
const POSIX_SHELL = /(^|\/)(ba|z|k|mk|da|a)?sh$/;

async function whatToRun(
  { args, remote, io, interrupts }: Pick<Call, 'remote' | 'io' | 'interrupts'> & { args: Args<typeof OPTIONS> },
  identifier: string,
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
  return { command: { script, errexit }, stdin: undefined };
}
