/*
 * Runs a durable command over a link that breaks. Usage: npm run soak [-- BREAKS [LINES [SEED]]]
 */
import { throughFlakyLink } from '../support/flaky-link.ts';

const [breaks = 200, lines = 1_000_000, seed = 1] = process.argv.slice(2).map(Number);
const started = Date.now();
const result = await throughFlakyLink({ breaks, lines, seed });
console.log(JSON.stringify(result, null, 2));
console.log(`${Math.round((Date.now() - started) / 1_000)} s`);
process.exit(result.exitCode === 7 && result.stdout && result.stderr && result.runs === 1 ? 0 : 1);
