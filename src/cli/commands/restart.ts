import { defineCommand } from '../command.ts';
import { VMS_OPTIONS } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { endingSessions } from '../many/ending-sessions.ts';
import { powerView } from '../views/power.ts';

export const restart = defineCommand({
  usage: '[vm..]',
  positionals: { vm: "VM names, resource-group/vm, or patterns: 'web-*'" },
  takesMany: true,
  examples: [
    { line: 'azlin restart myvm', does: 'lists its sessions, which end, and asks' },
    { line: 'azlin restart web-1 web-2 --yes', does: 'several at once, without asking' },
    { line: 'azlin restart --tag env=test', does: 'those that are running; lists them and asks' },
  ],
  seeAlso: ['stop', 'start', 'status'],
  options: {
    yes: { kind: 'flag', short: 'y', describe: 'Do not ask for confirmation' },
    ...VMS_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  run: (call) => endingSessions(call, { verb: 'restart', question: 'Restart', done: 'restarted' }),
  view: powerView,
});
