import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canHaveUsers, type FarSide, startFarSide } from '../support/far-side.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { warmAzlin as azlinOn } from '../support/warm-azlin.ts';

/** Two VMs of one user with one home, as over NFS: each knows its own jobs, and leaves the other's alone. */
(canHaveUsers() ? describe : describe.skip)('VMs that share a home', () => {
  let lab: Lab;
  let one: FarSide;
  let two: FarSide;
  let environment: Readonly<Record<string, string>>;
  const home = mkdtempSync('/tmp/azlin-nfs-');
  const ids = mkdtempSync('/tmp/azlin-ids-');
  beforeAll(async () => {
    chmodSync(ids, 0o755);
    lab = await startLab();
    const start = (name: string, id: string) => {
      const machineId = join(ids, name);
      writeFileSync(machineId, `${id.repeat(32)}\n`);
      return startFarSide(lab, {
        name,
        home,
        mounts: existsSync('/etc/machine-id') ? { '/etc/machine-id': machineId } : {},
      });
    };
    one = await start('one', 'a');
    two = await start('two', 'b');
    environment = lab.environment();
  }, 60_000);
  afterAll(() => {
    one.stop();
    two.stop();
    lab.close();
    for (const folder of [home, ids]) rmSync(folder, { recursive: true, force: true });
  });

  const azlin = (...args: string[]) => azlinOn({ environment }, args);
  const jobs = async (...args: string[]) =>
    JSON.parse((await azlin('jobs', '--format', 'json', ...args)).stdout) as Record<string, unknown>[];

  test('a job of the other VM is shown as such, and never cancelled, removed or called lost from here', async () => {
    await azlin(
      'exec',
      '--detach',
      '--job',
      'theirs',
      'one:dev',
      'echo on; until [ -e ~/end ]; do sleep 0.1; done; exit 7',
    );
    expect(await jobs('two')).toEqual([expect.objectContaining({ id: 'theirs', state: 'elsewhere', ownedBy: 'one' })]);
    expect((await azlin('jobs', 'two')).stdout).toMatch(/^theirs +on one +\d+ s +two:dev /m);
    for (const verb of ['cancel', 'wait', 'logs']) {
      const { exitCode, stderr } = await azlin(verb, '--vm', 'two', 'theirs');
      expect({ verb, exitCode: exitCode !== 0, stderr }).toEqual({
        verb,
        exitCode: true,
        stderr: expect.stringMatching(/belongs to the VM "one", which shares its home with "two"/),
      });
    }
    // What tidies up here leaves it alone.
    await two.run([
      'sh',
      '-c',
      'for d in ~/.azlin/jobs/*/; do echo 0 >"$d/.swept"; done; touch -d "30 days ago" ~/.azlin/jobs/*/theirs',
    ]);
    await azlin('exec', '--durable', 'two:dev', 'true');
    expect(await jobs('one')).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: 'theirs', state: 'running', ownedBy: null })]),
    );
    writeFileSync(join(home, 'end'), '');
    expect((await azlin('wait', 'theirs')).exitCode).toBe(7);
  });

  test('the same id is another job on each, and runs once on each', async () => {
    const line = ['exec', '--job', 'deploy', 'one:dev,two:dev', 'cat /proc/sys/kernel/hostname >>~/deployed'];
    await azlin(...line);
    await azlin(...line);
    expect(readFileSync(join(home, 'deployed'), 'utf8').split('\n').sort()).toEqual(['', 'one', 'two']);
  });

  test('the fleet lists each job once, where it is', async () => {
    await azlin('exec', '--job', 'only', 'two:dev', 'true');
    const mine = (await jobs()).filter(({ id }) => id === 'only');
    expect(mine).toEqual([expect.objectContaining({ hostname: 'two', state: 'exited', ownedBy: null })]);
    expect((await azlin('logs', 'only')).exitCode).toBe(0);
  });
});
