import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { realClock } from '../support/clock.ts';
import { azlin as azlinOn, CLI } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { type OneWayLink, startOneWayLink, startSlowLink } from '../support/tcp-link.ts';
import { until } from '../support/until.ts';

/*
 * `not-started` is a promise, and everything else is `lost`: "may have run". Each test counts in a file on the VM how often the command ran.
 */

let lab: Lab;
let vm: Machine;
let good: Machine;
const links: OneWayLink[] = [];
const SETTINGS = '[ssh]\nconnect_timeout = "2s"\ncommand_deadline = "3s"\n';
beforeAll(async () => {
  lab = await startLab();
  vm = await lab.start('vm');
  good = await lab.start('good');
}, 60_000);
afterEach(() => {
  for (const machine of [vm, good]) rmSync(join(machine.home, 'runs'), { force: true });
  for (const link of links.splice(0)) link.close();
});
afterAll(() => lab.close());

const RUN = 'echo x >>~/runs';
const runs = (machine: Machine) => {
  const path = join(machine.home, 'runs');
  return existsSync(path) ? readFileSync(path, 'utf8').length / 2 : 0;
};
const resultOf = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
let made = 0;
const resultPath = () => join(lab.directory, `outcome-${++made}.json`);

/** More than what signing in takes, and less than that and a script of ours. */
const AS_THE_COMMAND_IS_SENT = 8_000;

async function losingLink({ after = AS_THE_COMMAND_IS_SENT, times = 1e9 } = {}): Promise<OneWayLink> {
  const link = await startOneWayLink(vm, { after, times, address: '127.21.8.1' });
  links.push(link);
  lab.name('oneway', { id: 'id-of-vm', address: link.address, port: link.port, user: vm.user });
  return link;
}

describe('the way back is lost as the command is sent', () => {
  test('it may have run: that is said, and it is not tried again', async () => {
    const link = await losingLink();
    const environment = lab.environment(SETTINGS);
    const path = resultPath();
    const { exitCode, stderr } = await azlinOn({ environment }, [
      'exec',
      '--direct',
      '--result',
      path,
      'oneway:dev',
      RUN,
    ]);
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(/^error: .*; the command may have run$/m);
    expect(stderr).toMatch(/^hint: use --durable, which tries again and never starts it twice$/m);
    expect(resultOf(path)).toMatchObject({ outcome: 'lost' });
    await until('it to have run', () => runs(vm) > 0);
    expect({ runs: runs(vm), connections: link.connections() }).toEqual({ runs: 1, connections: 1 });
  });

  test('--retry runs nothing twice, with one target and with many', async () => {
    for (const targets of ['oneway:dev', 'oneway:dev,good:dev']) {
      const link = await losingLink();
      const environment = lab.environment(SETTINGS);
      const line = ['exec', '--direct', '--retry', '8', '--format', 'json', targets, RUN];
      const { stdout } = await azlinOn({ environment }, line);
      const [lost] = (JSON.parse(stdout) as Record<string, unknown>[]).filter((one) => one['hostname'] === 'oneway');
      expect(lost).toMatchObject({ outcome: 'lost', attempts: 1 });
      expect({ targets, runs: runs(vm), connections: link.connections() }).toEqual({
        targets,
        runs: 1,
        connections: 1,
      });
      rmSync(join(vm.home, 'runs'));
    }
  });

  test('what is typed for somebody is not typed twice', async () => {
    // A shorter script.
    const link = await losingLink({ after: 5_000 });
    const environment = lab.environment(SETTINGS);
    const { stderr, exitCode } = await azlinOn({ environment }, ['send', 'oneway:dev', RUN, '--keys', 'Enter']);
    expect({ stderr, failed: exitCode !== 0 }).toEqual({
      failed: true,
      stderr: expect.stringMatching(/may have been done/),
    });
    await until('it to be typed', () => runs(vm) > 0);
    expect({ runs: runs(vm), connections: link.connections() }).toEqual({ runs: 1, connections: 1 });
  });

  test('a durable command is asked for again over a link that works, and runs once', async () => {
    const link = await losingLink({ times: 1 });
    const environment = lab.environment(SETTINGS);
    const line = ['exec', '--durable', 'oneway:dev', `${RUN}; echo out; exit 3`];
    const { exitCode, stdout, stderr } = await azlinOn({ environment }, line);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 3,
      stdout: 'out\n',
      stderr: expect.stringMatching(/asking again whether job \w+ was started/),
    });
    expect({ runs: runs(vm), connections: link.connections() }).toEqual({ runs: 1, connections: 2 });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s in that moment: it may have run', async (signal, code) => {
    const link = await losingLink();
    const path = resultPath();
    const args = [CLI, 'exec', '--direct', '--result', path, 'oneway:dev', RUN];
    const child = spawn(process.execPath, args, { env: lab.environment(), stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until('the command to run', () => link.isLost() && runs(vm) > 0);
    child.kill(signal);
    expect(await ended).toBe(code);
    expect(resultOf(path)).toMatchObject({ outcome: 'lost' });
    expect(stderr).toMatch(/may have run/);
    expect(runs(vm)).toBe(1);
  });

  test('--deadline in that moment: it may have run', async () => {
    await losingLink();
    const environment = lab.environment();
    const line = [
      'exec',
      '--direct',
      '--retry',
      '3',
      '--deadline',
      '3s',
      '--format',
      'json',
      'oneway:dev,good:dev',
      RUN,
    ];
    const { stdout } = await azlinOn({ environment }, line);
    const results = JSON.parse(stdout) as Record<string, unknown>[];
    expect(results.find((one) => one['hostname'] === 'oneway')).toMatchObject({ outcome: 'lost', attempts: 1 });
    expect(results.find((one) => one['hostname'] === 'good')).toMatchObject({ outcome: 'exited', exitCode: 0 });
    expect({ vm: runs(vm), good: runs(good) }).toEqual({ vm: 1, good: 1 });
  });
});

describe('before anything was sent', () => {
  test('not-started, and --retry tries again', async () => {
    lab.name('refused', { id: 'id-refused', address: '127.21.8.9', port: 9 });
    const environment = lab.environment(SETTINGS);
    const path = resultPath();
    const { stderr } = await azlinOn({ environment }, ['exec', '--result', path, 'refused:dev', RUN]);
    expect(stderr).not.toMatch(/may have run/);
    expect(resultOf(path)).toMatchObject({ outcome: 'not-started' });
    const { stdout } = await azlinOn({ environment }, [
      'exec',
      '--retry',
      '1',
      '--format',
      'json',
      'refused:dev,good:dev',
      RUN,
    ]);
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ hostname: 'refused', outcome: 'not-started', attempts: 2 })]),
    );
  });

  test('a server that refuses channels', async () => {
    await lab.start('none', { sshdConfig: ['MaxSessions 0'] });
    const path = resultPath();
    await azlinOn({ environment: lab.environment(SETTINGS) }, ['exec', '--result', path, 'none:dev', RUN]);
    expect(resultOf(path)).toMatchObject({ outcome: 'not-started' });
  });

  test('a session that is not there', async () => {
    const path = resultPath();
    await azlinOn({ environment: lab.environment(SETTINGS) }, ['exec', '--result', path, 'vm:nosuch', RUN]);
    expect([resultOf(path)['outcome'], runs(vm)]).toEqual(['not-started', 0]);
  });
});

describe('an answer that is none', () => {
  test('a status that cannot be read: it may have run', async () => {
    // sshd's own way to put something between: each line that starts as a status does is changed.
    const wrapper = 'ForceCommand $SHELL -c "$SSH_ORIGINAL_COMMAND" | sed -u "s/^ok /OK /"';
    const odd = await lab.start('odd', { sshdConfig: [wrapper] });
    const path = resultPath();
    const environment = lab.environment(SETTINGS);
    const { stderr } = await azlinOn({ environment }, [
      'exec',
      '--direct',
      '--retry',
      '3',
      '--result',
      path,
      'odd:dev',
      RUN,
    ]);
    expect(stderr).toMatch(/The answer from "odd" is not valid: .*the command may have run/);
    const many = await azlinOn({ environment }, [
      'exec',
      '--direct',
      '--retry',
      '3',
      '--format',
      'json',
      'odd:dev,good:dev',
      RUN,
    ]);
    expect(JSON.parse(many.stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ hostname: 'odd', outcome: 'lost', attempts: 1 })]),
    );
    expect(resultOf(path)).toMatchObject({ results: [{ outcome: 'lost', attempts: 1 }] });
    expect(runs(odd)).toBe(2);
  });

  test.each(['--direct', '--durable'])(
    'a start-up file that hangs, and goes on when azlin has given up (%s)',
    async (mode) => {
      const name = `slow${mode}`;
      const slow = await lab.start(name, {
        bashrc: '[ ! -e ~/hang ] || until [ -e ~/go-on ]; do sleep 0.1; done; echo >>~/starts',
      });
      const environment = lab.environment(`${SETTINGS}[exec]\nreconnect_deadline = "1s"\n`);
      await azlinOn({ environment }, ['exec', `${name}:dev`, 'touch ~/hang; rm -f ~/starts']);
      const path = resultPath();
      const line = ['exec', mode, '--retry', '2', '--result', path, `${name}:dev`, RUN];
      const { exitCode, stderr } = await azlinOn({ environment }, line);
      expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/did not answer in 3 s/) });
      expect(stderr).toMatch(/may have (run|been started)/);
      expect(resultOf(path)).toMatchObject({ results: [{ outcome: 'lost', attempts: 1 }] });
      // Now its start-up file goes on; what it was to start comes too late and does not begin. On a busy machine the last login began later than azlin asked.
      const gaveUpAt = realClock.now();
      await until('the last login to be too old', async () => realClock.now() - gaveUpAt > 3_000);
      writeFileSync(join(slow.home, 'go-on'), '');
      await until('all logins to go on', () => existsSync(join(slow.home, 'starts')));
      await azlinOn({ environment }, ['exec', `${name}:dev`, 'true']);
      expect(runs(slow)).toBe(0);
      lab.stop(name);
    },
  );
});

describe('`run`, typed by a script that stands still', () => {
  test('what azlin gave up never comes', async () => {
    const still = await lab.start('still', { bashrc: 'PATH=~/bin:$PATH' });
    const standIn = [
      '#!/bin/sh',
      'case $* in *pane_tty*)',
      '  echo $PPID >~/stalled',
      '  until [ -e ~/go-on ]; do sleep 0.1; done ;;',
      'esac',
      'PATH=${PATH#*:} exec tmux "$@"',
    ];
    mkdirSync(join(still.home, 'bin'));
    writeFileSync(join(still.home, 'bin/tmux'), `${standIn.join('\n')}\n`, { mode: 0o755 });
    const path = resultPath();
    const environment = lab.environment('[ssh]\ncommand_deadline = "6s"\n');
    const { exitCode, stderr } = await azlinOn({ environment }, ['run', '--result', path, 'still:dev', RUN]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/nothing was started/) });
    expect(resultOf(path)).toMatchObject({ outcome: 'not-started' });
    const process = `/proc/${readFileSync(join(still.home, 'stalled'), 'utf8').trim()}`;
    expect(existsSync(process)).toBe(true);
    writeFileSync(join(still.home, 'go-on'), '');
    await until('the script to end', () => !existsSync(process));
    expect(runs(still)).toBe(0);
  }, 60_000);
});

describe('a VM that does not play by the rules', () => {
  test('output that goes elsewhere once azlin has been heard: the command may have run', async () => {
    const mute = await lab.start('mute', { bashrc: '[ ! -e ~/mute ] || exec > >(head -n 2; cat >>~/log)' });
    const environment = lab.environment(SETTINGS);
    writeFileSync(join(mute.home, 'mute'), '');
    const path = resultPath();
    const line = ['exec', '--direct', '--retry', '2', '--result', path, 'mute:dev', RUN];
    const { exitCode, stderr } = await azlinOn({ environment }, line);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/may have run/) });
    expect(resultOf(path)).toMatchObject({ results: [{ outcome: 'lost', attempts: 1 }] });
    await until('it to have run', () => runs(mute) > 0);
    expect(runs(mute)).toBe(1);
  });

  test('standard error that start-up files send elsewhere holds up nothing', async () => {
    const wrapper = 'ForceCommand $SHELL -c "$SSH_ORIGINAL_COMMAND" 2>/dev/null | cat';
    await lab.start('deaf', { sshdConfig: [wrapper] });
    const environment = lab.environment(SETTINGS);
    const line = ['exec', '--durable', 'deaf:dev', 'echo out; echo err >&2; exit 3'];
    expect(await azlinOn({ environment }, line)).toMatchObject({ exitCode: 3, stdout: 'out\n' });
  });

  test('an end whose output never comes is told with what is known', async () => {
    // The job keeps its errors; what brings them loses them on the way.
    const wrapper = 'ForceCommand $SHELL -c "$SSH_ORIGINAL_COMMAND" 2> >(sed -un "1,2p" >&2)';
    await lab.start('lossy', { sshdConfig: [wrapper] });
    const environment = lab.environment('[ssh]\ncommand_deadline = "1s"\n');
    const line = ['exec', '--durable', 'lossy:dev', 'echo out; seq 100 >&2; exit 3'];
    const { exitCode, stdout, stderr } = await azlinOn({ environment }, line);
    expect({ exitCode, stdout }).toEqual({ exitCode: 255, stdout: 'out\n' });
    expect(stderr).toMatch(/ended \(exit code 3\), but its output is incomplete: received \d+ of 292 bytes of stderr/);
  }, 60_000);

  test('one that begins anew is not printed anew', async () => {
    const wrapper =
      'ForceCommand $SHELL -c "$SSH_ORIGINAL_COMMAND" | sed -u "s/^ok 0 cwd found .*/ok 0 cwd found 0 0/"';
    const again = await lab.start('again', { sshdConfig: [wrapper] });
    const environment = lab.environment(`${SETTINGS}[exec]\nreconnect_deadline = "2s"\n`);
    await azlinOn({ environment }, ['exec', 'again:dev', 'true']);
    const line = ['exec', '--durable', 'again:dev', 'echo once; until [ -e ~/end ]; do sleep 0.1; done'];
    const child = spawn(process.execPath, [CLI, ...line], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until('its first output', () => stdout === 'once\n');
    // Its connection breaks, not the VM.
    execFileSync('pkill', ['-KILL', '-P', `${again.pid}`]);
    expect(await ended).toBe(255);
    writeFileSync(join(again.home, 'end'), '');
    expect({ stdout, stderr }).toEqual({
      stdout: 'once\n',
      stderr: expect.stringMatching(/did not continue the output at the right place/),
    });
  }, 60_000);
});

describe('a link of 2 KB/s', () => {
  test('a job gets through', async () => {
    const slow = await startSlowLink(vm, { address: '127.21.8.2', bytesPerSecond: 2_048 });
    try {
      lab.name('slowlink', { id: 'id-of-vm', address: slow.address, port: slow.port, user: vm.user });
      const environment = lab.environment();
      const line = ['exec', '--durable', 'slowlink:dev', `${RUN}; echo out; echo err >&2; exit 3`];
      expect(await azlinOn({ environment }, line)).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
      expect({ runs: runs(vm), connections: slow.connections() }).toEqual({ runs: 1, connections: 1 });
    } finally {
      slow.close();
    }
  }, 120_000);
});
