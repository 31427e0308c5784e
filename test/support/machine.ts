import { execFile } from 'node:child_process';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';

export interface MachineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs something on a VM of the fleet directly, without azlin, to prepare or to check a test. */
export function machineRun(fleet: DemoFleet, name: string, argv: readonly string[]): Promise<MachineResult> {
  const machine = fleet.machines.get(name);
  if (!machine) throw new Error(`the fleet has no machine "${name}"`);
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    execFile(program, args, { env: machine.environment, cwd: machine.home }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
      resolve({ code, stdout, stderr });
    });
  });
}
