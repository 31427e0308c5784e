import { throughTwoTypists } from '../support/two-typists.ts';

/** `npm run soak:typing [-- EVENTS SEED]`: two clients on one session type and paste that many times. */
const [events = 10_000, seed = 1] = process.argv.slice(2).map(Number);
const result = await throughTwoTypists({ events, seed });
console.log(
  `${result.events} keys and pastes, ${result.bytes} bytes, seed ${seed}: ${result.differs ?? 'the pane holds exactly what was typed'}`,
);
process.exit(result.differs === undefined ? 0 : 1);
