import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';

interface Candidate {
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs them in turns, each so many times, and prints medians, each as a ratio to the first. */
export async function race(
  runs: number,
  title: string,
  candidates: Readonly<Record<string, Candidate>>,
): Promise<void> {
  const times: Record<string, number[]> = {};
  for (let round = -3; round < runs; round++)
    for (const [name, { argv, environment = {} }] of Object.entries(candidates)) {
      const since = performance.now();
      const [program = '', ...args] = argv;
      const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: 'ignore' });
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`);
      if (round >= 0) times[name] = [...(times[name] ?? []), performance.now() - since];
    }
  const [first = []] = Object.values(times);
  console.log(`${title}, ${runs} runs each, in turns, medians:`);
  for (const [name, all] of Object.entries(times))
    console.log(
      `  ${name.padEnd(34)} ${median(all).toFixed(0).padStart(5)} ms   ${(median(all) / median(first)).toFixed(2)} × the first`,
    );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
