import { defineCommand } from '../command.ts';

export const demo = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin demo', does: 'a shell with azlin set up for the demo fleet' },
    { line: 'azlin demo --tour', does: 'a short tour that checks itself' },
    { line: 'azlin demo | cat', does: 'without a terminal it is the tour' },
  ],
  seeAlso: ['list', 'doctor'],
  options: {
    tour: { kind: 'flag', describe: 'Run the tour on a terminal too' },
  },
  async run({ args, app, io, interrupts, note }) {
    const { signal, onExit } = interrupts;
    return { exitCode: await app.demo({ tour: args.tour, stdout: io.stdout, note, onExit }, signal) };
  },
});
