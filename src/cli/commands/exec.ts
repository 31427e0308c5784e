import { parseDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { type Call, defineCommand } from '../command.ts';
import { prepareResult, readScript, runExec } from '../exec-streams.ts';
import { CREATE_OPTION, FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../options.ts';

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
  ],
  options: {
    ...CREATE_OPTION,
    ...START_OPTION,
    stdin: { kind: 'flag', describe: 'Forward standard input to the command' },
    errexit: { kind: 'flag', short: 'e', describe: 'Run a script with -eo pipefail' },
    timeout: { kind: 'text', describe: 'End the command after this long (30s, 5m); exit code 124' },
    result: { kind: 'text', describe: 'Write the outcome to this file as JSON' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
    ...FORWARD_OPTION,
  },
  remote: 'after-identifier',
  failsWith255: true,
  async run(call) {
    const { args, positionals, remote, io, interrupts } = call;
    // Found out before anything runs: afterwards the outcome would be lost, and an old one must not pass for the new one.
    if (args.result !== undefined) await prepareResult(args.result);
    const identifier = positionals['identifier'] ?? '';
    const timeout = args.timeout === undefined ? undefined : parseDuration(args.timeout);
    if (args.timeout !== undefined && !timeout)
      throw new AppError('usage', `Invalid duration "${args.timeout}" for --timeout`, {
        hint: 'for example 90s, 5m, 1.5h',
      });
    const { create, result } = args;
    if (remote.length > 0) {
      if (args.errexit) throw new AppError('usage', '--errexit is for scripts; put "set -e" into the command');
      const stdin = args.stdin ? io.stdin() : undefined;
      return runExec(call as Call, { identifier, command: remote, stdin, create, timeout, result });
    }
    if (args.stdin) throw new AppError('usage', '--stdin needs a command that reads it');
    const stdin = await readScript(io, identifier, interrupts.signal);
    return runExec(call as Call, {
      identifier,
      command: args.errexit ? 'script-errexit' : 'script',
      stdin,
      create,
      timeout,
      result,
    });
  },
});
