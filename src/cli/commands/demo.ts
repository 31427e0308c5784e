import { defineCommand } from '../command.ts';

export const demo = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin demo', does: 'a shell with azlin set up for a demo fleet' },
    { line: 'azlin demo --tour', does: 'a short tour that checks itself' },
    { line: 'azlin demo | cat', does: 'without a terminal: the tour' },
  ],
  seeAlso: ['list', 'doctor'],
  options: {
    tour: { kind: 'flag', describe: 'Run the tour even on a terminal' },
  },
  async run({ args, app, io, interrupts, note }) {
    const { signal, onExit } = interrupts;
    return { exitCode: await app.demo({ tour: args.tour, stdout: io.stdout, note, onExit }, signal) };
  },
});
