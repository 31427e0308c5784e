import { AppError } from '../../domain/errors.ts';
import { defineCommand, type View } from '../command.ts';
import { wantsRecords } from '../line/fleet-options.ts';
import { findRequest, VM_OPTION } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

export const logs = defineCommand({
  usage: '<job>',
  positionals: { job: 'The id of a job, its beginning, or an identifier for the newest job there' },
  examples: [
    { line: 'azlin logs deploy-42', does: 'its stdout' },
    { line: 'azlin logs --follow --lines 20 v42', does: 'its last lines, then follow it' },
    { line: 'azlin logs --stderr myvm:dev', does: 'of the newest job in that session' },
    { line: 'azlin logs --screen myvm:dev', does: 'the screen of the session' },
  ],
  seeAlso: ['jobs', 'wait'],
  options: {
    follow: { kind: 'flag', short: 'f', describe: 'Follow until the job ends' },
    stderr: { kind: 'flag', describe: 'Show stderr instead of stdout' },
    lines: {
      kind: 'text',
      takes: 'N',
      short: 'n',
      describe: 'Only the last N lines; with --screen, N lines of history',
    },
    tail: { kind: 'text', takes: 'N', describe: 'The same as --lines' },
    screen: { kind: 'flag', describe: 'Show the active pane of a session' },
    ...VM_OPTION,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, config, io, note, caller } = call;
    const name = positionals['job'] ?? '';
    if (args.lines !== undefined && args.tail !== undefined)
      throw new AppError('usage', 'Give --lines or --tail, not both');
    const text = args.lines ?? args.tail;
    const lines = text === undefined ? undefined : Number(text);
    if (lines !== undefined && !(Number.isInteger(lines) && lines >= 0 && lines < 1e9))
      throw new AppError('usage', `Invalid number "${text}" for --${args.lines === undefined ? 'tail' : 'lines'}`);
    const { showLogs, showScreen } = await import('../../operations/jobs/logs.ts');
    const fleet = await access();
    if (args.screen) {
      if (args.follow || args.stderr || args.vm !== undefined)
        throw new AppError('usage', '--screen shows a session as it is now, and only --lines works with it');
      return { data: { screen: await showScreen(fleet, { target: name, history: lines ?? 0 }, caller) } };
    }
    if (wantsRecords(call))
      throw new AppError('usage', 'azlin logs prints what the job wrote, unchanged: --format does not apply', {
        hint: 'azlin jobs --json has the state of jobs',
      });
    const { findJob } = await import('../../operations/jobs/find-job.ts');
    const job = await findJob(fleet, findRequest(name, args.vm, config), caller);
    const stream = args.stderr ? 'stderr' : 'stdout';
    await showLogs(fleet, { job, stream, lines, follow: args.follow, to: io.stdout }, caller);
    const other = args.stderr ? job.stdoutBytes : job.stderrBytes;
    if (!args.stderr && other) note(`It also wrote ${other} bytes to stderr: azlin logs --stderr ${job.id}`);
    return {};
  },
  view: { text: ({ screen }) => screen, records: (data) => data } satisfies View<{ readonly screen: string }>,
});
