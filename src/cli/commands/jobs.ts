import { type Caller, withSignal } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { jobsMeant } from '../../operations/jobs/choose-jobs.ts';
import { listJobs, type PlacedJob } from '../../operations/jobs/list-jobs.ts';
import { namesOne } from '../../operations/many/choose.ts';
import { defineCommand } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { watchScreen } from '../output/watch-screen.ts';
import { jobsView } from '../views/jobs.ts';

const INTERVAL = 5_000;

export const jobs = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: "vm, vm:session, a session, or several: 'web-*'; without one, every running VM in scope" },
  takesMany: true,
  examples: [
    { line: 'azlin jobs', does: 'of the whole fleet, newest first' },
    { line: 'azlin jobs --running', does: 'those that run now' },
    { line: 'azlin jobs myvm:dev --limit 5', does: 'the last five of one session' },
    { line: "azlin jobs 'web-*:main'", does: 'of some sessions' },
    { line: "azlin jobs --format json | jq '.[].state'", does: 'for programs' },
  ],
  seeAlso: ['logs', 'wait', 'cancel', 'exec'],
  options: {
    running: { kind: 'flag', describe: 'Only jobs that have not ended' },
    limit: { kind: 'text', takes: 'N', describe: 'Only the newest N' },
    all: { kind: 'flag', short: 'a', describe: 'Also the commands of azlin run' },
    watch: { kind: 'flag', describe: 'Keep the list up to date until Ctrl-C' },
    interval: { kind: 'text', takes: 'TIME', describe: 'With --watch: time between updates; default: 5s' },
    tag: { kind: 'texts', takes: 'TAG', describe: 'Only VMs with this tag: KEY or KEY=VALUE' },
    host: { kind: 'texts', takes: 'PATTERN', describe: 'Only VMs whose name matches this pattern' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, app, config, caller, io, styles } = call;
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const { identifier } = positionals;
    if (identifier !== undefined && args.host.length + args.tag.length > 0)
      throw new AppError('usage', `Give an identifier or --${args.host.length > 0 ? 'host' : 'tag'}, not both`);
    if (args.limit !== undefined && !/^[1-9]\d{0,5}$/.test(args.limit))
      throw new AppError('usage', `Invalid number "${args.limit}" for --limit`, {
        hint: 'expected a number from 1 on',
      });
    if (args.interval !== undefined && !args.watch) throw new AppError('usage', '--interval only works with --watch');
    const fleet = await access();
    const timing = { deadline, wholeDeadline };
    const find = (own: Caller) => {
      if (identifier !== undefined && namesOne(identifier) === undefined)
        return jobsMeant(fleet, { ...timing, from: identifier, fresh: false }, own);
      const request = { target: identifier, of: { tags: args.tag, hosts: args.host }, ...timing };
      return listJobs(fleet, request, own);
    };
    const isWanted = ({ kind, state }: PlacedJob) =>
      (args.all || kind === 'exec') && (!args.running || state === 'running' || state === 'starting');
    const ask = async (signal: AbortSignal) => {
      const found = (await find(withSignal(caller, signal))).filter(isWanted);
      return found.slice(0, args.limit === undefined ? undefined : Number(args.limit));
    };
    if (!args.watch) {
      const data = await ask(caller.signal);
      return { data, notes: data.length === 0 ? ['no jobs'] : [] };
    }
    if (io.stdout.isTTY !== true || config.format !== 'table' || app.environment['TERM'] === 'dumb')
      throw new AppError('usage', '--watch needs a terminal and the format "table"');
    const data = await watchScreen(call, {
      interval: durationOf('interval', args.interval) ?? INTERVAL,
      ask,
      title: (found) => `azlin jobs: ${count(found.length, 'job')}`,
      text: async (found) =>
        jobsView.text(found, { style: styles.stdout, width: io.stdout.columns, now: app.clock.now() }),
    });
    return { data };
  },
  view: jobsView,
});
