import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import type { LogsRequest } from '../../operations/jobs/logs.ts';
import { type Args, type Call, defineCommand, type Options, type Result, type View } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { type Meant, meantBy, wantsRecords } from '../line/fleet-options.ts';
import { chooseEachJob, FIND_OPTIONS, findRequest } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { type Act, chooseEach, forEach } from '../many/act-on-each.ts';
import { runMany } from '../many/run-many.ts';
import { type ExecData, execView } from '../views/exec.ts';

const OPTIONS = {
  follow: { kind: 'flag', short: 'f', describe: 'Follow until the job ends' },
  stderr: { kind: 'flag', describe: 'Show stderr instead of stdout' },
  lines: {
    kind: 'text',
    takes: 'N',
    short: 'n',
    describe: 'Only the last N lines; with --screen, N lines of history',
  },
  tail: { kind: 'text', takes: 'N', describe: 'The same as --lines' },
  since: { kind: 'text', takes: 'TIME', describe: 'Only output newer than this (30s, 10m, 2h)' },
  screen: { kind: 'flag', describe: 'Show the active pane of a session' },
  ...FIND_OPTIONS,
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
} as const satisfies Options;

interface Screen {
  readonly target: string;
  readonly screen: string;
}

type LogsData = { readonly screen: string } | { readonly screens: readonly Screen[] } | ExecData;

const logsView: View<LogsData> = {
  text(data, context) {
    if ('screen' in data) return data.screen;
    if (!('screens' in data)) return execView.text(data, context);
    return data.screens.map(({ target, screen }) => `==> ${printable(target)} <==\n${screen}`).join('\n');
  },
  records(data) {
    if ('screen' in data) return data;
    return 'screens' in data ? data.screens : execView.records(data);
  },
};

type LogsCall = Call & { readonly args: Args<typeof OPTIONS> };

export const logs = defineCommand({
  usage: '[job]',
  positionals: {
    job: "The id of a job, its beginning, or vm:session for the newest job there; or several: 'web-*:main'",
  },
  takesMany: true,
  examples: [
    { line: 'azlin logs deploy-42', does: 'its stdout' },
    { line: 'azlin logs --follow --lines 20 v42', does: 'its last lines, then follow it' },
    { line: 'azlin logs --since 10m --stderr myvm:dev', does: 'of the newest job in that session' },
    { line: "azlin logs --follow 'web-*:main'", does: 'of the newest job of each' },
    { line: 'azlin logs --screen myvm:dev', does: 'the screen of the session' },
  ],
  seeAlso: ['jobs', 'wait'],
  options: OPTIONS,
  async run(call) {
    const { args, positionals, access, config, io, note, caller } = call;
    const meant = meantBy(args, positionals['job'], { name: 'logs', takes: 'job' });
    const from = startOf(args);
    if (args.screen) return screens({ ...call, args }, meant);
    const { logsAsCommand, showLogs } = await import('../../operations/jobs/logs.ts');
    const stream = args.stderr ? 'stderr' : 'stdout';
    if (meant.kind === 'many') {
      const { choice, control, jobOf } = await chooseEachJob(call, args, meant);
      return runMany(call, {
        ...{ meant, choice, control, save: async () => {}, group: false, outputDir: undefined, isWatched: true },
        start: async (own, target, one) =>
          logsAsCommand(own, { job: jobOf(target), stream, from, follow: args.follow }, one),
      });
    }
    if (wantsRecords(call))
      throw new AppError('usage', 'azlin logs prints what the job wrote, unchanged: --format does not apply', {
        hint: 'azlin jobs --json has the state of jobs',
      });
    const { findJob } = await import('../../operations/jobs/find-job.ts');
    const fleet = await access();
    const job = await findJob(fleet, findRequest(meant.identifier, args.vm, config), caller);
    await showLogs(fleet, { job, stream, from, follow: args.follow, to: io.stdout }, caller);
    const other = args.stderr ? job.stdoutBytes : job.stderrBytes;
    if (!args.stderr && other) note(`It also wrote ${other} bytes to stderr: azlin logs --stderr ${job.id}`);
    return {};
  },
  view: logsView,
});

/** Where to start reading. Throws `usage`. */
function startOf(args: Args<typeof OPTIONS>): LogsRequest['from'] {
  const given = (['lines', 'tail', 'since'] as const).filter((name) => args[name] !== undefined);
  if (given.length > 1) throw new AppError('usage', `Give --${given[0]} or --${given[1]}, not both`);
  if (args.screen && (args.follow || args.stderr || args.since !== undefined || args.vm !== undefined))
    throw new AppError('usage', '--screen shows a session as it is now, and only --lines works with it');
  const since = durationOf('since', args.since);
  if (since !== undefined) return { seconds: Math.ceil(since / 1_000) };
  const lines = linesOf(args);
  return lines === undefined ? 0 : { lines };
}

function linesOf(args: Pick<Args<typeof OPTIONS>, 'lines' | 'tail'>): number | undefined {
  const text = args.lines ?? args.tail;
  const lines = text === undefined ? undefined : Number(text);
  if (lines !== undefined && !(Number.isInteger(lines) && lines >= 0 && lines < 1e9))
    throw new AppError('usage', `Invalid number "${text}" for --${args.lines === undefined ? 'tail' : 'lines'}`);
  return lines;
}

async function screens(call: LogsCall, meant: Meant): Promise<Result<LogsData>> {
  const { args, access, caller } = call;
  const { showScreen } = await import('../../operations/jobs/logs.ts');
  const history = linesOf(args) ?? 0;
  if (meant.kind === 'one')
    return { data: { screen: await showScreen(await access(), { target: meant.identifier, history }, caller) } };
  const { choice, control } = await chooseEach(call, args, meant);
  const act: Act<Screen> = async (own, target, one) => ({
    target: `${target.hostname}:${target.session}`,
    screen: await showScreen(own, { target, history }, one),
  });
  const { values, ...rest } = await forEach(call, { choice, control, doing: 'Reading screens', act });
  return { data: { screens: values }, ...rest };
}
