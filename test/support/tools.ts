import { spawnSync } from 'node:child_process';

/** Whether the machine has a program; the tests' set-up installs what it may. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;
}
