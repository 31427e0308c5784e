import { defineCommand } from '../command.ts';
import { VMS_OPTIONS } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { endingSessions } from '../many/ending-sessions.ts';
import { powerView } from '../views/power.ts';

export const stop = defineCommand({
  usage: '[vm..]',
  positionals: { vm: "VM names, resource-group/vm, or patterns: 'web-*'" },
  takesMany: true,
  examples: [
    { line: 'azlin stop myvm', does: 'lists its sessions, and asks' },
    { line: 'azlin stop web-1 web-2 --yes', does: 'several at once, without asking' },
    { line: 'azlin stop --tag env=test', does: 'those that are running; lists them and asks' },
    { line: 'azlin status myvm; azlin stop myvm', does: 'see who is attached first' },
  ],
  seeAlso: ['start', 'prune'],
  options: {
    yes: { kind: 'flag', short: 'y', describe: 'Do not ask for confirmation' },
    ...VMS_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  run: (call) => endingSessions(call, { verb: 'stop', question: 'Stop and deallocate', done: 'stopped' }),
  view: powerView,
});
