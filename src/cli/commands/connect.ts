import { AppError } from '../../domain/errors.ts';
import { printable, shellWord } from '../../domain/text.ts';
import { connectSession, requireSession } from '../../operations/connect.ts';
import { listSessions } from '../../operations/list.ts';
import { bridge } from '../bridge.ts';
import { type Call, defineCommand } from '../command.ts';
import { durableOf } from '../exec-options.ts';
import { runExec, starter } from '../exec-streams.ts';
import { CREATE_OPTION, FORWARD_OPTION, SCOPE_OPTIONS, SSH_OPTIONS, START_OPTION } from '../options.ts';

const OPTIONS = { ...CREATE_OPTION, ...START_OPTION, ...SCOPE_OPTIONS, ...SSH_OPTIONS, ...FORWARD_OPTION };

export const connect = defineCommand({
  name: 'connect',
  usage: '[identifier]',
  positionals: { identifier: 'vm:session, a session, or a VM; without one you choose from a list' },
  summary: 'Attach to a session',
  examples: [
    { line: 'azlin connect myvm:dev', does: 'exactly this session' },
    { line: 'azlin connect dev', does: 'the only session of that name in the fleet' },
    { line: 'azlin connect', does: 'choose from a list' },
    { line: 'azlin connect myvm --start', does: 'start the VM first if it is stopped' },
    { line: 'azlin connect myvm:dev -- make test', does: 'the same as azlin exec' },
  ],
  options: OPTIONS,
  offersStart: true,
  remote: 'after-dashes',
  failsWith255: 'with-command',
  async run(call) {
    const { args, remote, access, app, config, interrupts } = call;
    const terminal = app.terminal();
    const identifier = call.positionals['identifier'] ?? (await pickSession(call as Call));
    if (remote.length > 0) {
      const { create } = args;
      const request = { identifier, command: remote, stdin: undefined, create, timeout: undefined };
      return runExec(call as Call, { identifier, start: starter(request, durableOf({}, config, app.environment)) });
    }
    const fleet = await access();
    if (!terminal) {
      // What is wrong with the identifier is worth more than that there is no terminal.
      await requireSession(fleet, identifier, interrupts.signal);
      throw new AppError('usage', `Cannot attach to "${identifier}": standard input and output are no terminal`, {
        hint: `azlin exec ${shellWord(identifier)} COMMAND   runs a command there without one`,
      });
    }
    const { create } = args;
    return bridge({ terminal, interrupts, clock: app.clock }, (size) =>
      connectSession(fleet, { identifier, create, terminal: size }, interrupts.signal),
    );
  },
});

async function pickSession({ app, access, config, interrupts }: Call): Promise<string> {
  if (!app.terminal())
    throw new AppError('usage', 'Without a terminal the session must be named', {
      hint: 'azlin list   shows what there is',
    });
  const { rows } = await listSessions(
    await access(),
    {
      all: false,
      sessions: true,
      refresh: false,
      tags: [],
      host: undefined,
      deadline: config.listDeadline,
      wholeDeadline: config.listWholeDeadline,
    },
    interrupts.signal,
  );
  // Where nobody could be asked there may be sessions: those VMs are named in warnings, not offered.
  // Where a name stands in several resource groups, the group tells.
  const groups = new Map<string, Set<string>>();
  for (const { hostname, resourceGroup } of rows)
    groups.set(hostname, (groups.get(hostname) ?? new Set()).add(resourceGroup));
  const choices = rows
    .filter(({ probe }) => probe === 'ok')
    .map(({ hostname, resourceGroup, session, sessionName, attached }) => {
      const several = (groups.get(hostname)?.size ?? 0) > 1;
      const value = `${several ? `${resourceGroup}/` : ''}${hostname}:${session ?? config.defaultSession}`;
      const notes = [
        sessionName,
        session === null ? 'new session' : undefined,
        attached ? `${attached} attached` : undefined,
      ];
      return { value, label: [value, ...notes.filter((note) => note)].map((part) => printable(part ?? '')).join('  ') };
    });
  if (choices.length === 0)
    throw new AppError('vm-not-found', 'No running VM is in scope', { hint: 'azlin list --all' });
  return app.pick('Session', choices, interrupts.signal);
}
