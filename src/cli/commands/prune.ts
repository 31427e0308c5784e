import { formatAge, formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { count, printable } from '../../domain/text.ts';
import { findPrunable, type PrunedSession } from '../../operations/sessions/prune.ts';
import { type CallContext, defineCommand } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { prunedView } from '../views/pruned.ts';

export const prune = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin prune --idle 1d', does: 'unused for a day; lists them and asks' },
    { line: 'azlin prune', does: 'only those past their --ttl' },
    { line: 'azlin prune --idle 1d --mine', does: 'only those that you made' },
    { line: 'azlin prune --idle 1h --dry-run', does: 'show what would be closed, and what is kept and why' },
    { line: "azlin prune --idle 12h --host 'ci-*' --yes", does: 'for scripts' },
  ],
  seeAlso: ['list', 'session', 'disconnect'],
  options: {
    idle: { kind: 'text', takes: 'TIME', describe: 'Close sessions without activity for this long (30m, 1h, 2d)' },
    force: { kind: 'flag', describe: 'Also close sessions that are attached, or run more than a shell' },
    'dry-run': { kind: 'flag', short: 'n', describe: 'Only show what would be closed' },
    mine: { kind: 'flag', describe: 'Only sessions that you made: those of your label' },
    yes: { kind: 'flag', short: 'y', describe: 'Do not ask for confirmation' },
    tag: { kind: 'texts', takes: 'TAG', describe: 'Only on VMs with this tag: KEY or KEY=VALUE' },
    host: { kind: 'texts', takes: 'PATTERN', describe: 'Only on VMs whose name matches this pattern' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, access, config, caller } = call;
    if (args['dry-run'] && args.yes) throw new AppError('usage', 'Give --dry-run or --yes, not both');
    const idle = durationOf('idle', args.idle);
    const { force, mine, tag: tags, host: hosts } = args;
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const request = { idle, force, mine, tags, hosts, deadline, wholeDeadline };
    const pruning = await findPrunable(await access(), request, caller);
    const closing = pruning.sessions.filter(({ outcome }) => outcome === 'would-close');
    if (args['dry-run'] || closing.length === 0)
      return { data: pruning.sessions, notes: closing.length === 0 ? [nothingToDo(idle)] : [] };
    if (!args.yes) await ask(call, pruning.sessions);
    const sessions = await pruning.close(caller);
    const failed = sessions.filter(({ outcome }) => outcome === 'failed');
    const failure =
      failed.length === 0
        ? undefined
        : new AppError('tmux-failed', `${count(failed.length, 'session')} could not be closed`);
    return { data: sessions, failure };
  },
  view: prunedView,
});

function nothingToDo(idle: number | undefined): string {
  if (idle !== undefined) return `nothing to close: no unused session has been idle for ${formatDuration(idle)}`;
  return 'nothing to close: no session is past its --ttl; --idle 1h closes those without activity';
}

/** Asks for confirmation. Rejects without a yes. */
async function ask({ app, note, interrupts }: CallContext, sessions: readonly PrunedSession[]): Promise<void> {
  if (!app.canAsk())
    throw new AppError('usage', 'Confirmation needed to close sessions, but this is not a terminal', {
      hint: 'use --yes to close them, --dry-run to list them',
    });
  const closing = sessions.filter(({ outcome }) => outcome === 'would-close');
  const kept = sessions.filter(({ outcome }) => outcome === 'kept');
  for (const one of closing) note(`  ${described(one)}`);
  for (const one of kept) note(`  kept: ${described(one)}`);
  if (await app.confirm(`Close ${count(closing.length, 'session')}?`, interrupts.signal)) return;
  throw new AppError('interrupted', 'Nothing was closed');
}

function described({ hostname, session, idleSeconds, why, reason }: PrunedSession): string {
  const idle = `idle ${formatAge(idleSeconds * 1_000)}`;
  const facts = [idle, ...(why === 'expired' ? ['past its --ttl'] : []), ...(reason === null ? [] : [reason])];
  return printable(`${hostname}:${session}  ${facts.join(', ')}`);
}
