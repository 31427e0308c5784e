import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from '@jest/globals';
import { azlin, type Finished } from '../support/fleet.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

/** Other tests have fleets of their own in the usual folder. */
const folder = mkdtempSync('/tmp/azlin-t-');
afterAll(() => rmSync(folder, { recursive: true }));
const environment = {
  ...(Object.fromEntries(
    Object.entries(process.env).filter(([name, value]) => value !== undefined && name !== 'NODE_OPTIONS'),
  ) as Record<string, string>),
  TMPDIR: folder,
};
const leftovers = () => readdirSync(folder);

describe('azlin demo', () => {
  // As a step of a workflow, too.
  test('without a terminal: a tour that checks itself and cleans up', async () => {
    const workflow = { ...environment, CI: 'true' };
    const { exitCode, stdout, stderr }: Finished = await azlin({ environment: workflow }, ['demo']);
    const [, ...failed] = stdout.split('\nFAILED: ');
    expect({ exitCode, stderr, failed }).toEqual({ exitCode: 0, stderr: 'Starting the demo fleet\n', failed: [] });
    expect(stdout).toMatch(/\$ azlin list\nHOSTNAME +SESSION +STATUS +IP\nentra-vm +- .*\nmyvm +dev/);
    expect(stdout).toMatch(/All \d+ steps passed/);
    expect(leftovers()).toEqual([]);
  }, 180_000);

  test('on a terminal: a shell with azlin set up; exit removes everything', async () => {
    const terminal = await openTerminal({ ...environment, SHELL: '/bin/bash' }, 100, 40);
    try {
      await terminal.type(`node ${new URL('../../dist/azlin.js', import.meta.url).pathname} demo\n`);
      await terminal.shows(/azlin exec myvm:dev[\s\S]*\(azlin demo\)/);
      await terminal.type('clear; azlin list --host myvm\n');
      await terminal.shows(/myvm +staging +Running/);
      await terminal.type('exit 3\n');
      await terminal.shows(/local\$\s*$/);
      await until('the folder to be gone', () => leftovers().length === 0);
    } finally {
      await terminal.close();
    }
  }, 180_000);

  test('SIGTERM in the middle of it removes everything, too', async () => {
    const terminal = await openTerminal({ ...environment, SHELL: '/bin/bash' }, 100, 40);
    try {
      await terminal.type(`node ${new URL('../../dist/azlin.js', import.meta.url).pathname} demo --tour & sleep 300\n`);
      await until('the fleet to start', () => leftovers().length === 1);
      await terminal.press('C-c');
      await terminal.type('clear; kill %1; wait %1; echo "code $?"\n');
      await terminal.shows(/code 143/);
      expect(leftovers()).toEqual([]);
    } finally {
      await terminal.close();
    }
  }, 180_000);
});
