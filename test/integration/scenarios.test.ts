import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { bash, startFleet } from '../support/fleet.ts';

const FOLDER = fileURLToPath(new URL('./scenarios/', import.meta.url));

describe('scripts as users write them, each on a fresh fleet', () => {
  let fleet: DemoFleet;
  afterEach(() => fleet.close());

  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.sh') && file !== 'lib.sh');
  // In a pipeline commands are jobs.
  const lines = files.flatMap((file) => [[file, 'false'] as const, [file, 'true'] as const]);
  test.each(lines)(
    '%s, CI=%s',
    async (file, ci) => {
      fleet = await startFleet();
      const { exitCode, stderr, stdout } = await bash(fleet, `exec ${FOLDER}${file}`, { environment: { CI: ci } });
      expect({ exitCode, said: exitCode === 0 ? '' : stdout + stderr }).toEqual({ exitCode: 0, said: '' });
    },
    120_000,
  );
});
