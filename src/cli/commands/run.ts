import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { type Call, defineCommand } from '../command.ts';
import { durationOf } from '../exec-options.ts';
import { runExec } from '../exec-streams.ts';
import { CREATE_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../options.ts';

export const run = defineCommand({
  name: 'run',
  usage: '<identifier> [command..]',
  positionals: {
    identifier: 'vm:session, a session, or a VM; options of azlin come before it',
    command: 'What to run, flags included',
  },
  summary: "Run a command in a session's own shell: cd, export and the like stay for the next one",
  examples: [
    { line: 'azlin run myvm:dev -- cd /app', does: 'people who are attached see it happen' },
    { line: 'azlin run myvm:dev "source venv/bin/activate"', does: 'the next command has it' },
    { line: 'azlin run --timeout 5m myvm:dev make test', does: 'output and exit code come back' },
  ],
  options: {
    ...CREATE_OPTION,
    ...START_OPTION,
    timeout: { kind: 'text', describe: 'Break the command off after this long; run.timeout, 1h by default' },
    result: { kind: 'text', describe: 'Write the outcome to this file as JSON' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  remote: 'after-identifier',
  failsWith255: true,
  async run(call) {
    const { args, positionals, remote, config } = call;
    const identifier = positionals['identifier'] ?? '';
    if (remote.length === 0)
      throw new AppError('usage', 'There is no command to run', {
        hint: `azlin run ${shellWord(identifier)} COMMAND; azlin exec takes scripts`,
      });
    const timeout = durationOf('timeout', args.timeout) ?? config.runTimeout;
    const request = { identifier, command: remote, create: args.create, timeout };
    return runExec(call as Call, {
      identifier,
      start: async (access, signal) => (await import('../../operations/run.ts')).runInShell(access, request, signal),
      result: args.result,
    });
  },
});
