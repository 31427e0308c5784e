import { listSessions } from '../../operations/list.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';
import { sessionsView } from '../views/sessions.ts';

export const list = defineCommand({
  name: 'list',
  usage: '',
  positionals: {},
  summary: 'List the sessions of the fleet',
  examples: [
    { line: 'azlin list', does: 'sessions of the running VMs' },
    { line: 'azlin list --all --wide', does: 'stopped VMs too, nothing cut' },
    { line: "azlin list --host 'web-*' --tag env=prod", does: 'part of the fleet' },
    { line: "azlin list --format json | jq -r '.[].hostname'", does: 'for programs' },
  ],
  options: {
    all: { kind: 'flag', short: 'a', describe: 'Include VMs that are not running' },
    wide: { kind: 'flag', short: 'w', describe: 'Cut nothing, and show more columns' },
    tag: { kind: 'texts', describe: 'Only VMs with this tag: KEY or KEY=VALUE' },
    host: { kind: 'text', describe: 'Only VMs whose name matches this glob' },
    'no-sessions': { kind: 'flag', describe: 'Ask no VM' },
    refresh: { kind: 'flag', describe: 'Skip caches' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, access, config, emit, interrupts }) {
    const { rows, notes } = await listSessions(
      await access(),
      {
        all: args.all,
        sessions: !args['no-sessions'],
        refresh: args.refresh,
        tags: args.tag,
        host: args.host,
        deadline: config.listDeadline,
        wholeDeadline: config.listWholeDeadline,
        ...(emit ? { onRows: emit } : {}),
      },
      interrupts.signal,
    );
    return emit ? { notes } : { data: { rows, wide: args.wide }, notes };
  },
  view: sessionsView,
});
