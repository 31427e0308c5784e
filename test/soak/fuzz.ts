/*
 * Fuzzes parsers of what people write, with ten times as many cases, then azlin against hostile SSH servers. Usage: npm run fuzz [-- CASES [SEED]]
 */
import { fuzz } from '../support/fuzz.ts';
import { fuzzParsers } from '../support/fuzz-parsers.ts';

const cases = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? 1);
const parsers = await fuzzParsers(cases * 10, seed);
console.log(`parsers: ${parsers.cases} cases, longest ${Math.round(parsers.longest)} ms, ${parsers.bad.length} bad`);
const started = Date.now();
const { endings, bad, longest } = await fuzz(cases, seed, (done) => {
  if (done % 1_000 === 0) console.log(`${done} of ${cases}, ${Math.round((Date.now() - started) / 1_000)} s`);
});
for (const [how, count] of [...endings].sort(([, a], [, b]) => b - a))
  console.log(`${String(count).padStart(7)}  ${how}`);
console.log(`longest case ${longest} ms; peak memory ${Math.round(process.resourceUsage().maxRSS / 1_024)} MB`);
const all = [...parsers.bad, ...bad];
for (const line of all.slice(0, 20)) console.error(line);
process.exit(all.length === 0 ? 0 : 1);
