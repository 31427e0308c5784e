import { changePower, namedVms } from '../../operations/power.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS } from '../options.ts';
import { powerView } from '../views/power.ts';

export const start = defineCommand({
  name: 'start',
  usage: '<host..>',
  positionals: { host: 'VM names, or resource-group/vm' },
  summary: 'Start VMs, and wait until Azure says that they run',
  examples: [
    { line: 'azlin start myvm', does: 'start one VM' },
    { line: 'azlin start web-1 web-2 rg-prod/web-3', does: 'several at once' },
    { line: 'azlin start myvm && azlin connect myvm', does: 'or azlin connect myvm --start, which also waits for SSH' },
  ],
  options: SCOPE_OPTIONS,
  async run({ several, access, interrupts: { signal } }) {
    const work = { access: await access(), signal };
    const { rows, failure } = await changePower(
      work,
      'start',
      await namedVms(work, several, { verb: 'start', isFresh: false }),
    );
    return { data: rows, failure };
  },
  view: powerView,
});
