import { withSignal } from '../../domain/caller.ts';
import { pause } from '../../domain/clock.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { type ListRequest, listSessions } from '../../operations/sessions/list.ts';
import { drawingBelow, drawingOver } from '../../terminal/screen.ts';
import { type Args, type CallContext, defineCommand, type Options, type Result } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { liveList } from '../output/live-list.ts';
import { type SessionsData, sessionsView } from '../views/sessions.ts';
import { SORT_KEYS, type SortKey, sortedRows } from '../views/sort-sessions.ts';

const OPTIONS = {
  all: { kind: 'flag', short: 'a', describe: 'Include VMs that are not running' },
  wide: { kind: 'flag', short: 'w', describe: 'Show more columns, and truncate nothing' },
  sort: {
    kind: 'text',
    describe: 'Sort by a column; latest and largest first',
    choices: SORT_KEYS,
  },
  watch: { kind: 'flag', describe: 'Keep the list up to date until Ctrl-C' },
  interval: {
    kind: 'text',
    takes: 'TIME',
    describe: 'With --watch: time between updates; default: 5s',
  },
  tag: { kind: 'texts', takes: 'TAG', describe: 'Only VMs with this tag: KEY or KEY=VALUE' },
  host: { kind: 'texts', takes: 'PATTERN', describe: 'Only VMs whose name matches this pattern' },
  mine: { kind: 'flag', describe: 'Only sessions that you made: those of your label' },
  'no-sessions': { kind: 'flag', describe: 'List VMs without asking them for sessions' },
  refresh: { kind: 'flag', describe: 'Ask again, without caches' },
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
} as const satisfies Options;

const INTERVAL = 5_000;

export const list = defineCommand({
  usage: '[pattern]',
  positionals: { pattern: "VMs whose name matches: 'web-*'; the same as --host" },
  examples: [
    { line: 'azlin list', does: 'sessions of the running VMs' },
    { line: 'azlin list --all --wide', does: 'stopped VMs too, nothing truncated' },
    { line: "azlin list 'web-*' --tag env=prod", does: 'part of the fleet' },
    { line: 'azlin list --mine', does: 'sessions that you made' },
    { line: 'azlin list --sort activity', does: 'most recently active first' },
    { line: 'azlin list --watch', does: 'kept up to date' },
    { line: "azlin list --format json | jq -r '.[].hostname'", does: 'for programs' },
  ],
  seeAlso: ['status', 'connect', 'jobs'],
  options: OPTIONS,
  async run(call) {
    const { args, positionals, access, config, caller, emit, io } = call;
    const hosts = [...args.host, ...(positionals['pattern'] === undefined ? [] : [positionals['pattern']])];
    const sort = args.sort as SortKey | undefined;
    const request = {
      all: args.all,
      sessions: !args['no-sessions'],
      mine: args.mine,
      refresh: args.refresh,
      tags: args.tag,
      hosts,
      deadline: config.listDeadline,
      wholeDeadline: config.listWholeDeadline,
    };
    if (args.mine && args['no-sessions']) throw new AppError('usage', 'Give --mine or --no-sessions, not both');
    if (args.interval !== undefined && !args.watch) throw new AppError('usage', '--interval only works with --watch');
    if (args.watch) return watch({ ...call, args }, request);
    // Sorting needs the whole list.
    const onRows = sort === undefined ? emit : undefined;
    const isLive = io.stdout.isTTY === true && config.format === 'table' && call.app.environment['TERM'] !== 'dumb';
    const live = isLive ? startLive({ ...call, args }) : undefined;
    try {
      const asking = { ...request, onRows: live?.add ?? onRows };
      const { rows, notes, failure } = await listSessions(await access(), asking, caller);
      return onRows ? { notes, failure } : { data: { rows: sortedRows(rows, sort), wide: args.wide }, notes, failure };
    } finally {
      live?.end();
    }
  },
  view: sessionsView,
});

type ListCall = CallContext & { readonly args: Args<typeof OPTIONS> };

/** Shows rows as they come, until the whole list replaces them. */
function startLive(call: ListCall) {
  const { args, io } = call;
  let goOn = () => {};
  const live = liveList(call, {
    drawing: drawingBelow(io.stdout),
    wide: args.wide,
    sort: args.sort as SortKey | undefined,
    title: undefined,
    opening: () => {
      goOn = call.holdOutput();
    },
  });
  return {
    add: live.add,
    end() {
      live.end();
      goOn();
    },
  };
}

/** Asks again and again, on a screen of its own, until somebody presses Ctrl-C; the last list stays. */
async function watch(call: ListCall, request: ListRequest): Promise<Result<SessionsData>> {
  const { args, io, app, config, interrupts } = call;
  const interval = durationOf('interval', args.interval) ?? INTERVAL;
  if (io.stdout.isTTY !== true || config.format !== 'table')
    throw new AppError('usage', '--watch needs a terminal and the format "table"', {
      hint: 'in scripts, run azlin list --format ndjson as often as you need',
    });
  const sort = args.sort as SortKey | undefined;
  const access = await call.access();
  const stop = new AbortController();
  const onAbort = () => stop.abort(interrupts.signal.reason);
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  const giveBack = interrupts.takeOver(() => stop.abort(new AppError('interrupted', 'Interrupted')));
  const drawing = drawingOver(io.stdout);
  const forget = interrupts.onExit(drawing.clear);
  let goOn = () => {};
  let askedAt = access.now();
  let problem = '';
  let said: readonly string[] = [];
  let last: SessionsData = { rows: [], wide: args.wide };
  const title = () => `${titleOf(last, askedAt)}; every ${interval / 1_000} s, Ctrl-C to stop${problem}`;
  const live = liveList(call, {
    drawing,
    wide: args.wide,
    sort,
    title,
    opening: () => {
      goOn = call.holdOutput();
    },
  });
  try {
    for (;;) {
      try {
        const asking = { ...request, onRows: live.add };
        const { rows, notes, failure } = await listSessions(access, asking, withSignal(call.caller, stop.signal));
        if (failure) throw failure;
        said = notes;
        last = { rows: sortedRows(rows, sort), wide: args.wide };
        [askedAt, problem] = [access.now(), ''];
        live.replace(rows, notes);
      } catch (error) {
        // If there is a list, keep showing it while updates fail.
        if (stop.signal.aborted || last.rows.length === 0) throw error;
        problem = `; the last update failed: ${toAppError(error).message}`;
        live.redraw();
      }
      await pause(app.clock, interval, stop.signal);
    }
  } catch (error) {
    interrupts.signal.throwIfAborted();
    if (!stop.signal.aborted) throw error;
    return { data: last, notes: said };
  } finally {
    live.end();
    forget();
    giveBack();
    interrupts.signal.removeEventListener('abort', onAbort);
    goOn();
  }
}

function titleOf({ rows }: SessionsData, askedAt: number): string {
  const sessions = rows.filter(({ session }) => session !== null).length;
  const vms = new Set(rows.map(({ vmId }) => vmId)).size;
  const time = new Date(askedAt).toTimeString().slice(0, 8);
  return `azlin list: ${count(sessions, 'session')} on ${count(vms, 'VM')} at ${time}`;
}
