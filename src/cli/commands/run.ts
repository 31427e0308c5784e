import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { defineCommand } from '../command.ts';
import { withResultFile } from '../exec/result-file.ts';
import { runExec, type StartCommand } from '../exec/run-exec.ts';
import { durationOf } from '../line/exec-options.ts';
import {
  CHOOSE_OPTIONS,
  CONTROL_OPTIONS,
  choose,
  controlOf,
  meantBy,
  OUTPUT_OPTIONS,
  refuseIdentifier,
  wantsRecords,
} from '../line/fleet-options.ts';
import { CREATE_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../line/options.ts';
import { runMany } from '../many/run-many.ts';
import { execView } from '../views/exec.ts';

export const run = defineCommand({
  usage: '[identifier] [command..]',
  positionals: {
    identifier: "vm:session, a session, a VM, or several: 'web-*:main'",
    command: 'The command and its options',
  },
  takesMany: true,
  examples: [
    { line: 'azlin run myvm:dev -- cd app', does: 'people attached to the session see it' },
    { line: 'azlin run myvm:dev "source venv/bin/activate"', does: 'applies to the next command, too' },
    { line: 'azlin run --timeout 5m myvm:dev make test', does: 'with output and exit code' },
    { line: "azlin run 'web-*:main' uptime", does: 'in the shells of many sessions' },
  ],
  seeAlso: ['exec', 'send'],
  options: {
    ...CREATE_OPTION,
    ...START_OPTION,
    timeout: {
      kind: 'text',
      takes: 'TIME',
      describe: 'Stop the command after this long; default: 1h (run.timeout)',
    },
    result: { kind: 'text', takes: 'FILE', describe: 'Write the outcome to this file as JSON' },
    ...CHOOSE_OPTIONS,
    ...CONTROL_OPTIONS,
    ...OUTPUT_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  remote: 'after-identifier',
  failsWith255: true,
  async run(call) {
    const { args, positionals, remote, config, app } = call;
    const meant = meantBy(args, positionals['identifier'], { name: 'run', records: wantsRecords(call) });
    if (meant.kind === 'many') refuseIdentifier(remote, meant.from);
    if (remote.length === 0)
      throw new AppError('usage', 'Missing command', {
        hint: `azlin run ${shellWord(positionals['identifier'] ?? 'vm:session')} COMMAND; azlin exec takes scripts`,
      });
    const timeout = durationOf('timeout', args.timeout) ?? config.runTimeout;
    const request = { command: remote, create: args.create, timeout };
    const startIn =
      (until: number | undefined): StartCommand =>
      async (access, target, caller) =>
        (await import('../../operations/exec/run-in-shell.ts')).runInShell(
          access,
          { ...request, until, target },
          caller,
        );
    const { result, group, 'output-dir': outputDir } = args;
    if (meant.kind === 'one') return runExec(call, { identifier: meant.identifier, start: startIn(undefined), result });
    const control = controlOf(args, app.clock);
    return withResultFile(call, result, async (save) => {
      const choosing = { from: meant.from, refresh: args.refresh, ask: false, control };
      const choice = await choose(call, choosing);
      if (!meant.isPlain) for (const note of choice.notes) call.note(note);
      return runMany(call, { meant, choice, control, start: startIn(control.until), save, group, outputDir });
    });
  },
  view: execView,
});
