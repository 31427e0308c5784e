import { AppError } from '../../domain/errors.ts';
import { count, shellWord } from '../../domain/text.ts';
import { changePower, namedVms, whatRunsOn } from '../../operations/power.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';
import { powerView } from '../views/power.ts';

export const stop = defineCommand({
  name: 'stop',
  usage: '<host..>',
  positionals: { host: 'VM names, or resource-group/vm' },
  summary: 'Stop and deallocate VMs: their sessions end, and so does the bill for them',
  examples: [
    { line: 'azlin stop myvm', does: 'says what runs there, and asks' },
    { line: 'azlin stop web-1 web-2 --yes', does: 'several at once, without asking' },
    { line: 'azlin status myvm; azlin stop myvm', does: 'look first who is attached' },
  ],
  options: {
    yes: { kind: 'flag', short: 'y', describe: 'Do not ask' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, several, access, app, config, note, interrupts: { signal } }) {
    const work = { access: await access(), signal };
    // What somebody is asked about must be so.
    const vms = await namedVms(work, several, { verb: 'stop', isFresh: !args.yes });
    if (!args.yes) {
      if (!app.canAsk())
        throw new AppError('usage', 'Stopping VMs must be confirmed, and there is no terminal to ask on', {
          hint: `azlin stop ${several.map(shellWord).join(' ')} --yes`,
        });
      for (const line of await whatRunsOn(work, vms, config.listDeadline)) note(line);
      const names = vms.map(({ hostname }) => hostname).join(', ');
      const question = `Stop and deallocate ${vms.length === 1 ? names : `${count(vms.length, 'VM')} (${names})`}?`;
      if (!(await app.confirm(question, signal))) throw new AppError('usage', 'Nothing was stopped');
    }
    const { rows, failure } = await changePower(work, 'stop', vms);
    return { data: rows, failure };
  },
  view: powerView,
});
