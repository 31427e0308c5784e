import { SCRIPTS } from '../src/remote/remote-script.ts';
import { shellFile } from '../src/remote/shell-files.ts';

/** The most bytes of a script, which is sent to a VM with every call that needs it. Over a link of 2 KB/s each kilobyte takes half a second. */
const BUDGETS: Readonly<Record<string, number>> = { exec: 11_600, 'jobs/start': 15_200, 'jobs/live': 14_500 };
const BUDGET = 10_000;

/** A plugin for rolldown that embeds the scripts for VMs as texts, so that a bundle needs no other files. Throws if one has grown over its budget. */
export const shellTexts = {
  name: 'shell-texts',
  load: (id: string) => (id.endsWith('/src/remote/shell-files.ts') ? texts() : null),
};

function texts(): string {
  const all = Object.fromEntries(SCRIPTS.map((name) => [name, shellFile(name)]));
  for (const [name, { length }] of Object.entries(all))
    if (length > (BUDGETS[name] ?? BUDGET))
      throw new Error(`src/remote/${name}.sh has ${length} bytes, over its budget`);
  return `const texts = ${JSON.stringify(all)};\nexport const shellFile = (name) => texts[name];\n`;
}
