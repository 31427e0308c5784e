import { AppError } from '../../domain/errors.ts';
import { requireSession } from '../../operations/sessions/connect.ts';
import { attach, plainShell, requireTerminal } from '../attach/attach.ts';
import { pickSession } from '../attach/pick-session.ts';
import { defineCommand } from '../command.ts';
import { vmAlone } from '../exec/alone.ts';
import { runExec, starter } from '../exec/run-exec.ts';
import { refuseAttaching, refuseContradictions } from '../line/attach-options.ts';
import { durableOf } from '../line/exec-options.ts';
import {
  ATTACH_OPTIONS,
  CREATE_OPTION,
  FORWARD_OPTION,
  SCOPE_OPTIONS,
  SSH_OPTIONS,
  START_OPTION,
} from '../line/options.ts';

const OPTIONS = {
  ...CREATE_OPTION,
  ...ATTACH_OPTIONS,
  ...START_OPTION,
  ...SCOPE_OPTIONS,
  ...SSH_OPTIONS,
  ...FORWARD_OPTION,
};

const NO_TMUX = { why: '--no-tmux', line: 'azlin connect --no-tmux' };

export const connect = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'vm:session, a session, or a VM; without one, choose from a list' },
  examples: [
    { line: 'azlin connect myvm:dev', does: 'exactly this session' },
    { line: 'azlin connect dev', does: 'the only session of that name in the fleet' },
    { line: 'azlin connect', does: 'choose from a list' },
    { line: 'azlin connect myvm:dev --read-only', does: 'watch only; add --independent for a view of your own' },
    { line: 'azlin connect myvm:dev --take-over', does: 'detach everybody else' },
    { line: 'azlin connect myvm --start', does: 'start the VM first if it is stopped' },
    { line: 'azlin connect myvm:dev -- make test', does: 'the same as azlin exec' },
  ],
  seeAlso: ['ssh', 'list', 'disconnect'],
  options: OPTIONS,
  takesTerminal: 'always',
  remote: 'after-dashes',
  failsWith255: 'with-command',
  async run(call) {
    const { args, remote, access, app, config, caller } = call;
    refuseContradictions(args);
    if (remote.length > 0) refuseAttaching(args, 'A command runs beside the session, without attaching to it');
    const named = call.positionals['identifier'];
    if (named === undefined && args.create) throw new AppError('usage', 'Missing session name: --create needs one');
    if (named === undefined && args['no-tmux']) throw new AppError('usage', 'Missing VM: --no-tmux needs one');
    const { identifier, create } =
      named === undefined ? await pickSession(call) : { identifier: named, create: args.create };
    if (remote.length > 0) {
      const request = { command: remote, stdin: undefined, create, timeout: undefined };
      return runExec(call, { identifier, start: starter(request, durableOf({}, config, app.environment)) });
    }
    if (args['no-tmux']) {
      requireTerminal(call, identifier);
      return plainShell(call, vmAlone(identifier, config.defaultSession, NO_TMUX));
    }
    // A mistake in the identifier is more useful to report than a missing terminal.
    if (!app.terminal()) await requireSession(await access(), identifier, caller);
    return attach({ ...call, args }, { identifier, create, terminal: requireTerminal(call, identifier) });
  },
});
