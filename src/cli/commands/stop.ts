import { AppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { count, shellWord } from '../../domain/text.ts';
import { describeChoice } from '../../operations/vms/choose-vms.ts';
import { changePower, meantVms, whatRunsOn } from '../../operations/vms/power.ts';
import { defineCommand } from '../command.ts';
import { VMS_OPTIONS, vmsFrom } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
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
  async run({ args, several, access, app, config, note, caller }) {
    const work = { access: await access(), caller };
    // The user is asked about these VMs, so their states must be fresh.
    const from = vmsFrom(args, several, 'stop');
    const { vms, notes } = await meantVms(work, from, { verb: 'stop', isFresh: !args.yes });
    for (const line of notes) note(line);
    if (!args.yes && vms.length > 0) {
      if (!app.canAsk())
        throw new AppError('usage', 'Confirmation needed to stop VMs, but this is not a terminal', {
          hint: `azlin stop ${'tags' in from ? describeChoice(from) : from.map(shellWord).join(' ')} --yes`,
        });
      for (const line of await whatRunsOn(work, vms, config.listDeadline)) note(line);
      const names = listNames(vms.map(({ hostname }) => hostname));
      const question = `Stop and deallocate ${vms.length === 1 ? names : `${count(vms.length, 'VM')} (${names})`}?`;
      if (!(await app.confirm(question, caller.signal))) throw new AppError('interrupted', 'Nothing was stopped');
    }
    const { rows, failure } = await changePower(work, 'stop', vms);
    return { data: rows, failure };
  },
  view: powerView,
});
