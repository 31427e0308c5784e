import { formatDuration } from '../../domain/duration.ts';
import { count } from '../../domain/text.ts';
import { checkRows, findHistory } from '../../operations/sessions/history.ts';
import type { Config } from '../../settings/config.ts';
import { defineCommand } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';
import { whyNoDaemon } from '../no-daemon.ts';
import { historyView } from '../views/history.ts';
import { withRegistry } from '../with-registry.ts';

const DAY = 86_400_000;
const ROWS = 1_000;

export const history = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'Only this VM, session or vm:session, also if it is gone; all by default' },
  examples: [
    { line: 'azlin history', does: 'who made, attached to, used and closed sessions in the last day' },
    { line: 'azlin history myvm:dev --since 7d', does: 'one session, in the last week' },
    { line: 'azlin history --by alice', does: 'what alice did' },
    { line: 'azlin history myvm --all', does: 'also activity, and when the VM was watched' },
    { line: 'azlin history --format ndjson | jq -r .program', does: 'for programs' },
  ],
  seeAlso: ['events', 'who', 'registry'],
  options: {
    since: { kind: 'text', takes: 'TIME', describe: 'What happened in the last TIME (10m, 7d); default: 1d' },
    by: { kind: 'text', takes: 'LABEL', describe: 'Only what this label did; alice also means alice@laptop' },
    all: { kind: 'flag', short: 'a', describe: 'Also activity in sessions, and when VMs were watched' },
    limit: { kind: 'text', takes: 'N', describe: `Only the latest N; default: ${ROWS}` },
    context: SCOPE_OPTIONS.context,
  },
  async run(call) {
    const { args, positionals, app, config, caller, warn } = call;
    const { identifier: of } = positionals;
    const limit = checkRows(args.limit, ROWS);
    const time = durationOf('since', args.since) ?? DAY;
    const request = { of, by: args.by, since: app.clock.now() - time, all: args.all, limit };
    return withRegistry(call, async (registry) => {
      caller.progress('Reading the history');
      // The daemon writes down what it still has.
      const trouble = await registry.trouble();
      const { rows, older } = await findHistory(registry.past, request);
      if (trouble) warn(`azlin's daemon cannot write the history, so what happened last is missing: ${trouble.why}`);
      const notes: string[] = [];
      if (older > 0) notes.push(`${count(older, 'earlier event')} left out; --limit shows more`);
      if (rows.length > 0) return { data: rows, notes };
      notes.push(`nothing is known to have happened in the last ${formatDuration(time)}`);
      return { data: rows, notes, hints: hintsFor(config, of) };
    });
  },
  view: historyView,
});

function hintsFor(config: Config, of: string | undefined): readonly string[] {
  const why = whyNoDaemon(config);
  if (why !== undefined) return [`azlin's daemon keeps the history, and ${why}; set AZLIN_PERSIST=10m to turn it on`];
  return of === undefined
    ? []
    : ['azlin history knows VMs and sessions by the names in azlin list; azlin history alone shows everything'];
}
