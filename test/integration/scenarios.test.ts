import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { bash, startFleet } from '../support/fleet.ts';

const FOLDER = fileURLToPath(new URL('./scenarios/', import.meta.url));

describe('scripts as users write them, each on a fresh fleet', () => {
  let fleet: DemoFleet;
  afterEach(() => fleet.close());

  test.each(readdirSync(FOLDER).filter((file) => file.endsWith('.sh') && file !== 'lib.sh'))('%s', async (file) => {
    fleet = await startFleet();
    const { exitCode, stderr, stdout } = await bash(fleet, `exec ${FOLDER}${file}`);
    expect({ exitCode, said: exitCode === 0 ? '' : stdout + stderr }).toEqual({ exitCode: 0, said: '' });
  });
});
