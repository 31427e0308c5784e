import { withSignal } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { PlacedJob } from '../../operations/jobs/list-jobs.ts';
import { defineCommand } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { watchScreen } from '../output/watch-screen.ts';
import { jobsView } from '../views/jobs.ts';

const INTERVAL = 5_000;

export const jobs = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'vm, vm:session, or a session; without one, every running VM in scope' },
  examples: [
    { line: 'azlin jobs', does: 'of the whole fleet, newest first' },
    { line: 'azlin jobs --running', does: 'those that run now' },
    { line: 'azlin jobs myvm:dev --limit 5', does: 'the last five of one session' },
    { line: "azlin jobs --host 'web-*'", does: 'of some VMs' },
    { line: "azlin jobs --format json | jq '.[].state'", does: 'for programs' },
  ],
  seeAlso: ['logs', 'wait', 'cancel', 'exec'],
  options: {
    running: { kind: 'flag', describe: 'Only jobs that have not ended' },
    limit: { kind: 'text', takes: 'N', describe: 'Only the newest N' },
    all: { kind: 'flag', short: 'a', describe: 'Also the commands of azlin run' },
    watch: { kind: 'flag', describe: 'Keep the list up to date until Ctrl-C' },
    interval: { kind: 'text', takes: 'TIME', describe: 'With --watch: time between updates; default: 5s' },
    host: { kind: 'texts', takes: 'PATTERN', describe: 'Only VMs whose name matches this pattern' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, app, config, caller, io, styles } = call;
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const { identifier } = positionals;
    if (identifier !== undefined && args.host.length > 0)
      throw new AppError('usage', 'Give an identifier or --host, not both');
    if (args.limit !== undefined && !/^[1-9]\d{0,5}$/.test(args.limit))
      throw new AppError('usage', `Invalid number "${args.limit}" for --limit`, {
        hint: 'expected a number from 1 on',
      });
    if (args.interval !== undefined && !args.watch) throw new AppError('usage', '--interval only works with --watch');
    const request = { target: identifier, hosts: args.host, deadline, wholeDeadline };
    const { listJobs } = await import('../../operations/jobs/list-jobs.ts');
    const fleet = await access();
    const isWanted = ({ kind, state }: PlacedJob) =>
      (args.all || kind === 'exec') && (!args.running || state === 'running' || state === 'starting');
    const ask = async (signal: AbortSignal) => {
      const found = (await listJobs(fleet, request, withSignal(caller, signal))).filter(isWanted);
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
