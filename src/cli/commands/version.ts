import { defineCommand } from '../command.ts';

export const version = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin version', does: 'the same as azlin --version' },
    { line: 'azlin version --json', does: 'for programs' },
    { line: 'azlin version -o csv', does: 'as a table' },
  ],
  seeAlso: ['help', 'doctor'],
  options: {},
  mendsSettings: true,
  async run({ app }) {
    return { data: { version: app.version() } };
  },
  view: { text: (data) => `${data.version}\n`, records: (data) => data },
});
