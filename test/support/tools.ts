import { spawnSync } from 'node:child_process';

/** Whether the machine has a program. The global setup of the tests installs what it can. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;
}
