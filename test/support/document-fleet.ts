import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoFleet, DemoMachine } from '../../src/demo/demo-fleet.ts';
import { startFleet } from './fleet.ts';

/** The VMs that appear in examples and documents. */
const MACHINES: readonly DemoMachine[] = [
  { name: 'myvm', sessions: ['dev', 'main', 'azlin'], tags: { env: 'dev' } },
  { name: 'web-1', sessions: ['main', 'ci-1'], resourceGroup: 'rg-web', tags: { env: 'prod' } },
  { name: 'web-2', sessions: ['main', 'api'], resourceGroup: 'rg-web', tags: { env: 'prod' } },
  { name: 'web-3', sessions: [], resourceGroup: 'rg-prod', tags: { env: 'test' } },
];

export interface DocumentFleet extends DemoFleet {
  /** The working directory of a user of azlin, with the files that examples name. */
  readonly work: string;
}

export async function startDocumentFleet(): Promise<DocumentFleet> {
  const bin = mkdtempSync(join(tmpdir(), 'azlin-bin-'));
  const says = (path: string) => {
    writeFileSync(path, '#!/bin/sh\necho "made $*"\n');
    chmodSync(path, 0o755);
  };
  says(join(bin, 'make'));
  const environment = { PATH: `${bin}:${process.env['PATH']}` };
  const fleet = await startFleet(MACHINES.map((machine) => ({ ...machine, environment })));
  for (const machine of fleet.machines.values()) {
    mkdirSync(join(machine.home, 'app'));
    mkdirSync(join(machine.home, 'venv/bin'), { recursive: true });
    writeFileSync(join(machine.home, 'venv/bin/activate'), 'export VIRTUAL_ENV=venv\n');
    says(join(machine.home, 'deploy'));
  }
  const work = mkdtempSync(join(fleet.directory, 'work-'));
  writeFileSync(join(work, 'deploy.sh'), 'echo deploying\n');
  const close = () => {
    fleet.close();
    rmSync(bin, { recursive: true, force: true });
  };
  return { ...fleet, work, close };
}
