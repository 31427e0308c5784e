import type { Caller } from '../../domain/caller.ts';
import { describeTarget } from '../../targets/target.ts';
import { terminalScript } from '../../tmux/exec-script.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteCommand } from '../access/history-notes.ts';
import { startScript } from '../access/start-script.ts';
import { withTarget } from '../access/with-target.ts';
import { type ConnectRequest, endOfShell, type OpenedShell } from '../sessions/connect.ts';
import { type ExecRequest, prepare, programOf } from './exec-request.ts';

/** Runs a command on a terminal of the VM, for the caller to bridge. The connection ends it. Rejects with an AppError if it was not started. */
export function execOnTerminal(
  access: FleetAccess,
  { terminal, ...request }: ExecRequest & Pick<ConnectRequest, 'terminal'>,
  caller: Caller,
): Promise<OpenedShell> {
  return withTarget({ access, target: request.target, caller }, async (reached) => {
    const { target } = reached;
    const script = terminalScript(prepare(request, target, access.settings));
    const { remote, words } = await startScript({ access, reached, script, terminal: terminal(), caller });
    if (words[1] === 'no-cwd')
      caller.warn(`${describeTarget(target)}: its directory no longer exists; the command runs in the home directory`);
    const program = programOf(request.command);
    const end = noteCommand(access, target, { program, outcome: endOfShell(remote) });
    return { target, remote, end };
  });
}
