import { printable } from '../../domain/text.ts';
import { knownHosts } from '../../operations/complete.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS } from '../options.ts';

export const complete = defineCommand({
  name: '__complete',
  usage: '',
  positionals: {},
  summary: 'Print the names of the VMs for a shell to complete, from the cache, however old it is',
  examples: [
    { line: 'azlin __complete', does: 'a name a line; the cache is renewed behind' },
    { line: 'azlin __complete --resource-group rg-web', does: 'of one resource group' },
    { line: 'azlin __complete --format json', does: 'for programs' },
  ],
  options: SCOPE_OPTIONS,
  hidden: true,
  async run({ access, interrupts }) {
    return { data: await knownHosts(await access(), interrupts.signal) };
  },
  view: {
    text: (names: readonly string[]) => names.map((name) => `${printable(name)}\n`).join(''),
    records: (names: readonly string[]) => names.map((hostname) => ({ hostname })),
    fields: ['hostname'],
  },
});
