import { changePower, meantVms } from '../../operations/vms/power.ts';
import { defineCommand } from '../command.ts';
import { VMS_OPTIONS, vmsFrom } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';
import { powerView } from '../views/power.ts';

export const start = defineCommand({
  usage: '[vm..]',
  positionals: { vm: "VM names, resource-group/vm, or patterns: 'web-*'" },
  takesMany: true,
  examples: [
    { line: 'azlin start myvm', does: 'start one VM' },
    { line: 'azlin start web-1 web-2 rg-prod/web-3', does: 'several at once' },
    { line: "azlin start 'web-*'", does: 'those that are not running' },
    { line: 'azlin start myvm && azlin connect myvm', does: 'or azlin connect myvm --start, which also waits for SSH' },
  ],
  seeAlso: ['stop', 'status'],
  options: { ...VMS_OPTIONS, ...SCOPE_OPTIONS },
  async run({ args, several, access, note, caller }) {
    const work = { access: await access(), caller };
    const { vms, notes } = await meantVms(work, vmsFrom(args, several, 'start'), { verb: 'start', isFresh: false });
    for (const line of notes) note(line);
    const { rows, failure } = await changePower(work, 'start', vms);
    return { data: rows, failure };
  },
  view: powerView,
});
