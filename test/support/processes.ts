import { execFileSync } from 'node:child_process';

/** The processes that this one has started, and those have started. */
export function processesBelow(pid: number): readonly number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.filter(([, its]) => its === parent).flatMap(([child = 0]) => [child, ...below(child)]);
  return below(pid);
}
