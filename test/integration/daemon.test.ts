import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { heldLinks } from '../../src/daemon/held-links.ts';
import { knowledge } from '../../src/daemon/knowledge.ts';
import { daemonPlace, whyNotSafe } from '../../src/daemon/place.ts';
import { removeFolder } from '../../src/demo/remove-folder.ts';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { knownHosts } from '../../src/transport/host-keys/known-hosts.ts';
import { aCaller } from '../support/caller.ts';
import { realClock } from '../support/clock.ts';
import { daemonsBelow, endDaemons } from '../support/daemons.ts';
import { aDialer } from '../support/dialer.ts';
import { canHaveUsers } from '../support/far-side.ts';
import { azlin, bash, CLI, type RunOptions } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { startProxy } from '../support/proxy.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const UID = process.getuid?.() ?? 0;

let lab: Lab;
let vm: Machine;
beforeAll(async () => {
  lab = await startLab();
  vm = await lab.start('vm');
  await lab.start('other');
}, 60_000);
afterEach(async () => {
  endDaemons(lab.directory);
  await until('the daemons to end', () => daemonsBelow(lab.directory).length === 0);
});
afterAll(() => lab.close());

/** A user with an azlin of their own, whose daemon stays. */
function user(config = '', more: Readonly<Record<string, string>> = {}) {
  const { AZLIN_PERSIST: _, ...rest }: Readonly<Record<string, string>> = lab.environment(config);
  const environment = { ...rest, ...more };
  const home = environment['AZLIN_HOME'] ?? '';
  const run = (args: readonly string[], options?: RunOptions) => azlin({ environment }, args, options);
  return {
    home,
    environment,
    run,
    exec: (...words: string[]) => run(['exec', 'vm:dev', ...words]),
    pids: () => daemonsBelow(home),
    log: () => readFileSync(join(home, 'daemon.log'), 'utf8'),
    /** Connections that the daemon has made, by its log. */
    connections: () => (readFileSync(join(home, 'daemon.log'), 'utf8').match(/: connected$/gm) ?? []).length,
    start: (args: readonly string[]): ChildProcess =>
      spawn(process.execPath, [CLI, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}

/** The scripts that watch a VM, which stay in the folder with its jobs. */
function watchersIn(home: string): readonly number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const isThere = dirname(readlinkSync(`/proc/${pid}/cwd`)) === join(home, '.azlin/jobs');
      return isThere && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sh\n' ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

async function ended(child: ChildProcess) {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, stdout, stderr };
}

describe('its life', () => {
  test('the first command starts it, others use it, and it can be looked at and ended', async () => {
    const one = user();
    expect(await one.run(['daemon', 'status'])).toMatchObject({ exitCode: 0, stdout: '' });
    for (let time = 0; time < 3; time++) expect((await one.exec('echo hi; exit 3')).exitCode).toBe(3);
    expect((await one.run(['list', '--host', 'vm'])).stdout).toMatch(/^vm +dev /m);
    expect(one.pids()).toHaveLength(1);
    expect(one.connections()).toBe(1);
    const { stdout } = await one.run(['daemon', 'status', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ pid: one.pids()[0], servers: [{ label: 'vm', connections: 1 }] }]);
    expect((await one.run(['daemon', 'status'])).stdout).toMatch(/^vm +\S+@127\S+ +1 +0 +\d+ s ago$/m);
    expect((await one.run(['daemon', 'logs'])).stdout).toMatch(/started.*\n.*vm: connected\n/);
    expect((await one.run(['daemon', 'stop'])).stderr).toBe('the daemon has ended\n');
    await until('it to end', () => one.pids().length === 0);
    expect((await one.run(['daemon', 'stop'])).stderr).toBe('no daemon is running\n');
  }, 60_000);

  test('it ends when its connections have not been used for long, and with its home', async () => {
    const short = user('', { AZLIN_PERSIST: '1s' });
    await short.exec('true');
    await until('it to end', () => short.pids().length === 0, 15_000);
    const gone = user();
    await gone.exec('true');
    expect(gone.pids()).toHaveLength(1);
    rmSync(gone.home, { recursive: true });
    await until('it to end', () => gone.pids().length === 0, 15_000);
    expect(existsSync(gone.home)).toBe(false);
  }, 60_000);

  test('--no-daemon, daemon.persist = 0 and CI do without one', async () => {
    for (const [config, variables, args] of [
      ['', {}, ['--no-daemon']],
      ['[daemon]\npersist = 0\n', {}, []],
      ['', { AZLIN_PERSIST: '0' }, []],
      ['', { CI: 'true' }, []],
      ['[daemon]\npersist = "5m"\n', { CI: 'true' }, []],
    ] as const) {
      const one = user(config, variables);
      expect((await one.run(['exec', ...args, 'vm:dev', 'echo hi'])).stdout).toBe('hi\n');
      expect(one.pids()).toEqual([]);
    }
    for (const variables of [{ CI: 'true', AZLIN_PERSIST: '5m' }, { CI: 'false' }]) {
      const wanted = user('', variables);
      await wanted.exec('true');
      expect(wanted.pids()).toHaveLength(1);
    }
    const step = user('', { CI: 'true' });
    expect((await step.run(['config', 'list'])).stdout).toMatch(/^daemon\.persist +0 +CI$/m);
    const why = "azlin's daemon keeps the history, and daemon.persist is 0 (CI); set AZLIN_PERSIST=10m to turn it on";
    expect((await step.run(['history'])).stderr).toContain(`hint: ${why}\n`);
    const events = await step.run(['events']);
    expect(events.stderr).toContain("azlin's daemon watches for events, and daemon.persist is 0 (CI)\n");
  }, 60_000);

  test('many that begin at once start one, and each gets its own answer', async () => {
    const one = user();
    const words = Array.from({ length: 16 }, (_, index) => `${index}`);
    const answers = await Promise.all(words.map((word) => one.run(['exec', 'vm:dev', `echo ${word}; exit ${word}`])));
    expect(answers.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(
      words.map((word) => [`${word}\n`, Number(word)]),
    );
    expect(one.pids()).toHaveLength(1);
  }, 90_000);

  test('only its user can reach it, and nothing secret is in its arguments, variables and log', async () => {
    const one = user('', { AZURE_CLIENT_SECRET: 'very-secret', LANG: 'C.UTF-8' });
    await one.run(['exec', '--env', 'TOKEN=hush-hush', 'vm:dev', 'echo $TOKEN']);
    await one.exec('echo also-hush');
    const { directory, prefix } = daemonPlace(one.home, UID);
    const [socket = ''] = readdirSync(directory).filter((name) => name.startsWith(prefix));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, socket)).mode & 0o777).toBe(0o600);
    expect(statSync(join(one.home, 'daemon.log')).mode & 0o777).toBe(0o600);
    const [pid] = one.pids();
    for (const text of [
      readFileSync(`/proc/${pid}/environ`, 'utf8'),
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      one.log(),
    ])
      expect(text).not.toMatch(/secret|hush/);
  }, 60_000);

  test('one that was killed leaves a socket behind, which the next one replaces', async () => {
    const one = user();
    await one.exec('true');
    for (const pid of one.pids()) process.kill(pid, 'SIGKILL');
    expect((await one.exec('echo again')).stdout).toBe('again\n');
    expect((await one.exec('echo again')).stdout).toBe('again\n');
    expect(one.pids()).toHaveLength(1);
  }, 60_000);

  test('where it cannot start, commands work without it, and say so under --verbose', async () => {
    const one = user();
    const copy = mkdtempSync(join(lab.directory, 'dist-'));
    cpSync(new URL('../../dist', import.meta.url).pathname, copy, { recursive: true });
    writeFileSync(join(copy, 'daemon.js'), 'process.exit(1);\n');
    // Node 20 has its SQLite from there.
    symlinkSync(new URL('../../node_modules', import.meta.url).pathname, join(copy, 'node_modules'));
    const cli = `${process.execPath} ${copy}/azlin.js`;
    const quiet = await bash({ environment: one.environment }, `${cli} exec vm:dev 'echo hi'`);
    expect(quiet).toMatchObject({ exitCode: 0, stdout: 'hi\n', stderr: '' });
    const told = await bash({ environment: one.environment }, `${cli} exec -v vm:dev 'echo hi'`);
    expect(told.stderr).toContain("azlin's daemon is not used: it ended at once");
    // The history is complete all the same.
    const { stdout } = await one.run(['history']);
    expect(stdout.match(/ ran .* echo, exit 0$/gm)).toHaveLength(2);
  }, 60_000);

  test('one that is stuck is not waited for, and does not do later what was done without it', async () => {
    const one = user();
    await one.exec('true');
    const mark = join(vm.home, 'stuck');
    rmSync(mark, { force: true });
    const pids = one.pids();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      const line = `echo x >>${mark}; echo done`;
      expect((await one.exec(line)).stdout).toBe('done\n');
      const { stdout, stderr } = await one.run(['exec', '-v', 'vm:dev', line]);
      expect(stdout).toBe('done\n');
      expect(stderr).toContain("azlin's daemon is not used: it does not answer");
      // What it knows of the last moments is not simply missing.
      const history = await one.run(['history']);
      expect(history.stderr).toContain('what happened last is missing: it does not answer');
      expect(history.stdout.match(/ ran .* echo, exit 0$/gm)).toHaveLength(2);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    expect((await one.exec('echo again')).stdout).toBe('again\n');
    expect(readFileSync(mark, 'utf8')).toBe('x\nx\n');
  }, 60_000);

  test('an upgrade retires the old one, which ends what runs first', async () => {
    const one = user();
    const copy = mkdtempSync(join(lab.directory, 'dist-'));
    cpSync(new URL('../../dist', import.meta.url).pathname, copy, { recursive: true });
    const quick = readdirSync(join(copy, 'parts')).find((name) => name.startsWith('quick-')) ?? '';
    const { prefix, directory } = daemonPlace(one.home, UID);
    const go = join(vm.home, 'go');
    rmSync(go, { force: true });
    const running = one.start(['exec', 'vm:dev', `echo begun; while [ ! -e ${go} ]; do sleep 0.1; done; echo done`]);
    const result = ended(running);
    await new Promise((resolve) => running.stdout?.once('data', resolve));
    const [old] = one.pids();
    const build =
      readdirSync(directory)
        .find((name) => name.startsWith(prefix))
        ?.slice(prefix.length) ?? '';
    // Both the client and the daemon have the id of their build from there.
    const path = join(copy, 'parts', quick);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(build, 'another-one'));
    const next = await bash(
      { environment: one.environment },
      `${process.execPath} ${copy}/azlin.js exec vm:dev 'echo new'`,
    );
    expect(next).toMatchObject({ exitCode: 0, stdout: 'new\n' });
    expect(one.pids()).toHaveLength(2);
    writeFileSync(go, '');
    expect(await result).toEqual({ exitCode: 0, stdout: 'begun\ndone\n', stderr: '' });
    await until('the old one to end', () => !one.pids().includes(old ?? 0));
    expect(one.pids()).toHaveLength(1);
  }, 60_000);
});

describe('whose connections', () => {
  test('another user name, key or setting gets another connection', async () => {
    const one = user();
    await one.exec('true');
    const key = lab.key('ed25519');
    const denied = await one.run(['exec', '-i', key, 'vm:dev', 'true'], { environment: { SSH_AUTH_SOCK: '' } });
    expect(denied).toMatchObject({ exitCode: 255, stderr: expect.stringMatching(/Cannot sign in.*it refused/) });
    const nobody = await one.run(['exec', '-l', 'nobody-here', 'vm:dev', 'true']);
    expect(nobody.exitCode).toBe(255);
    expect((await one.exec('echo still')).stdout).toBe('still\n');
    expect(one.connections()).toBe(1);
  }, 60_000);

  test('a forgotten host key, a changed key file and a changed setting let go of them at once', async () => {
    const identity = lab.key('ed25519');
    const authorized = join(lab.directory, 'vm', 'authorized_keys');
    writeFileSync(
      authorized,
      `${readFileSync(`${lab.identity}.pub`, 'utf8')}${readFileSync(`${identity}.pub`, 'utf8')}`,
    );
    const one = user('', { AZLIN_IDENTITY: identity });
    const held = async () => {
      const { stdout } = await one.run(['daemon', 'status', '--json']);
      return (JSON.parse(stdout) as { servers: unknown[] }[])[0]?.servers.length ?? 0;
    };
    const changes: readonly (() => unknown)[] = [
      () => one.run(['host-key', 'forget', 'vm']),
      () => one.run(['config', 'set', 'ssh.keepalive', '20s']),
      () => {
        // The same key once more, as another file.
        writeFileSync(`${identity}.new`, readFileSync(identity), { mode: 0o600 });
        renameSync(`${identity}.new`, identity);
      },
    ];
    for (const change of changes) {
      expect((await one.exec('echo in')).stdout).toBe('in\n');
      expect(await held()).toBe(1);
      await change();
      await until('it to be let go of', async () => (await held()) === 0);
    }
  }, 90_000);

  test('a passphrase and an unknown host are asked about at the terminal of the call, and once', async () => {
    const identity = lab.key('ed25519', 'open sesame');
    const authorized = join(lab.directory, 'vm', 'authorized_keys');
    writeFileSync(
      authorized,
      `${readFileSync(`${lab.identity}.pub`, 'utf8')}${readFileSync(`${identity}.pub`, 'utf8')}`,
    );
    const one = user('[ssh]\nhost_keys = "ask"\n', { AZLIN_IDENTITY: identity, SSH_AUTH_SOCK: '', TERM: 'xterm' });
    const terminal = await openTerminal(one.environment);
    try {
      const line = (word: string) => `clear; ${process.execPath} ${CLI} exec vm:dev 'echo ${word}'; echo "code $?"\n`;
      await terminal.type(line('first'));
      await terminal.shows(/Trust it\?/);
      await terminal.type('y\n');
      await terminal.shows(/Passphrase for/);
      await terminal.type('open sesame\n');
      await terminal.shows(/^first\ncode 0$/m);
      await terminal.type(line('second'));
      expect(await terminal.shows(/^second\ncode 0$/m)).not.toMatch(/Passphrase|Trust/);
    } finally {
      await terminal.close();
    }
    expect(one.connections()).toBe(1);
  }, 60_000);
});

describe('the same promises', () => {
  test('killed while a command runs: it may have run, and has run once', async () => {
    const one = user();
    await one.exec('true');
    const mark = join(vm.home, 'ran-once');
    rmSync(mark, { force: true });
    const running = one.start(['exec', 'vm:dev', `echo x >>${mark}; echo begun; sleep 30`]);
    const result = ended(running);
    await new Promise((resolve) => running.stdout?.once('data', resolve));
    for (const pid of one.pids()) process.kill(pid, 'SIGKILL');
    expect(await result).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('may have run') });
    expect(readFileSync(mark, 'utf8')).toBe('x\n');
  }, 60_000);

  test('a client that is killed takes its command with it, although the connection stays', async () => {
    const one = user();
    await one.exec('true');
    const seconds = `${300_000 + process.pid}`;
    const runs = () => spawnSync('pgrep', ['-f', `^sleep ${seconds}$`]).status === 0;
    for (const way of [[], ['--stdin']]) {
      const running = one.start([
        'exec',
        ...way,
        'vm:dev',
        `trap '' TERM; echo begun; sleep ${seconds}; sleep ${seconds}`,
      ]);
      await new Promise((resolve) => running.stdout?.once('data', resolve));
      await until('its command to run', runs);
      running.kill('SIGKILL');
      await until('its command to be gone', () => !runs());
    }
  }, 60_000);

  test('killed while a job runs: the same call follows it to its end', async () => {
    const one = user();
    await one.exec('true');
    const go = join(vm.home, 'go-on');
    rmSync(go, { force: true });
    const line = `echo begun; while [ ! -e ${go} ]; do sleep 0.1; done; echo done; exit 5`;
    const running = one.start(['exec', '--durable', 'vm:dev', line]);
    const result = ended(running);
    await new Promise((resolve) => running.stdout?.once('data', resolve));
    for (const pid of one.pids()) process.kill(pid, 'SIGKILL');
    await until('another one to start', () => one.pids().length > 0);
    writeFileSync(go, '');
    expect(await result).toMatchObject({ exitCode: 5, stdout: 'begun\ndone\n' });
  }, 60_000);

  test('a terminal has a connection of its own, which the end of the daemon does not touch', async () => {
    const one = user('', { TERM: 'xterm-256color' });
    await one.exec('true');
    const terminal = await openTerminal(one.environment);
    try {
      await terminal.type(`${process.execPath} ${CLI} connect vm:dev; echo "code $?"\n`);
      await terminal.shows(/\[dev\]/);
      for (const pid of one.pids()) process.kill(pid, 'SIGKILL');
      await terminal.type('echo still $((40 + 2))\n');
      await terminal.shows(/still 42/);
      await terminal.press('C-b', 'd');
      await terminal.shows(/^code 0$/m);
    } finally {
      await terminal.close();
    }
  }, 60_000);

  test('a slow reader of much output costs it no memory', async () => {
    const one = user();
    await one.exec('true');
    const line = `${process.execPath} ${CLI} exec vm:dev 'head -c 300000000 /dev/zero' | { sleep 4; wc -c; }`;
    const result = bash({ environment: one.environment }, line);
    const [pid] = one.pids();
    const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_000;
    let most = 0;
    let isOver = false;
    void result.then(() => {
      isOver = true;
    });
    await until('the reader to have it all', () => {
      most = Math.max(most, memory());
      return isOver;
    });
    expect((await result).stdout).toBe('300000000\n');
    expect(most).toBeLessThan(250);
  }, 60_000);
});

describe('what it knows', () => {
  test('sessions come and go: list knows it, and events tell it', async () => {
    const one = user();
    await one.exec('true');
    const known = /vm: its sessions are known/;
    const list = () => one.run(['list', '--verbose', '--host', 'vm']);
    await until('the sessions to be known', async () => known.test((await list()).stderr));
    expect((await list()).stdout).toMatch(/^vm +dev /m);
    expect((await one.run(['list', '--refresh', '--verbose', '--host', 'vm'])).stderr).not.toMatch(known);
    const following = one.start(['events', 'vm', '--format', 'ndjson']);
    let told = '';
    following.stdout?.on('data', (chunk) => {
      told += chunk;
    });
    await until('it to follow', async () => (await one.run(['daemon', 'status'])).exitCode === 0);
    // What azlin itself has changed is known at once.
    await one.run(['open', 'vm', '--tmux-session', 'fresh']);
    expect((await list()).stdout).toMatch(/^vm +fresh /m);
    await one.exec('tmux rename-session -t fresh stale');
    expect((await list()).stdout).toMatch(/^vm +stale /m);
    // What others change, a little later.
    execFileSync('tmux', ['new-session', '-d', '-s', 'by-others'], { env: vm.environment });
    const completed = () => one.run(['__complete', '--', 'zsh', 'azlin', 'connect', 'vm:by']);
    await until('completion to offer it', async () => (await completed()).stdout.includes('vm:by-others'));
    await until('it to be known again', async () => known.test((await list()).stderr));
    execFileSync('tmux', ['kill-session', '-t', '=stale'], { env: vm.environment });
    await until('it to be gone', async () => !/stale/.test((await list()).stdout));
    await one.run(['session', 'vm:by-others', 'nice']);
    await until('the events', () => told.includes('"closed"') && told.includes('"renamed"'));
    const kinds = told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; session: string });
    expect(kinds.map(({ kind, session }) => `${kind} ${session}`)).toEqual(expect.arrayContaining(['closed stale']));
    following.kill('SIGINT');
    const since = await bash(
      { environment: one.environment },
      `timeout -s INT 2 ${process.execPath} ${CLI} events --since 1h`,
    );
    expect(since.stdout).toMatch(/ vm:stale +closed$/m);
    expect(since.stdout).toMatch(/ vm:by-others +renamed +had no friendly name$/m);
    const { stdout } = await one.run(['history', 'vm:by-others']);
    expect(stdout).toMatch(/ vm:by-others +renamed +- +had no friendly name$/m);
  }, 90_000);

  test('the end of a job, whether somebody waits for it or not', async () => {
    const one = user();
    await one.exec('true');
    const history = async () => (await one.run(['history', '--all'])).stdout;
    await until('the VM to be watched', async () => (await history()).includes('watch started'));
    const go = join(vm.home, 'go-on');
    rmSync(go, { force: true });
    const left = ['exec', '--detach', 'vm:dev', `until [ -e ${go} ]; do sleep 0.1; done; exit 3`];
    const id = (await one.run(left)).stdout.trim();
    expect(await history()).toMatch(new RegExp(`, job ${id}, end unknown$`, 'm'));
    writeFileSync(go, '');
    await until('its end to be seen', async () => (await history()).includes(`, job ${id}, exit 3\n`));
    await one.run(['exec', '--job', 'followed', 'vm:dev', 'exit 4']);
    await one.run(['exec', '--job', 'late', '--timeout', '1s', 'vm:dev', 'sleep 9']);
    const events = async () => {
      const line = `timeout -s INT 2 ${process.execPath} ${CLI} events --since 1h`;
      const { stdout } = await bash({ environment: one.environment }, line);
      return stdout.split('\n').flatMap(
        (event) =>
          event
            .split('  ')
            .slice(1)
            .join(' ')
            .match(/.*job-ended.*/) ?? [],
      );
    };
    await until('all to be told', async () => (await events()).length === 3);
    expect(await events()).toEqual([
      `vm:dev job-ended ${id}, exit 3`,
      'vm:dev job-ended followed, exit 4',
      'vm:dev job-ended late, timed out',
    ]);
    expect((await history()).match(/job (?:followed, exit 4|late, timed out)$/gm)).toHaveLength(2);
    // The script that watches may end; what happens before the next one begins is not lost.
    rmSync(go);
    await one.run(['exec', '--detach', '--job', 'between', 'vm:dev', `until [ -e ${go} ]; do sleep 0.1; done; exit 5`]);
    for (const pid of watchersIn(vm.home)) process.kill(pid);
    writeFileSync(go, '');
    expect((await one.run(['wait', '--quiet', 'between'], { environment: { AZLIN_PERSIST: '0' } })).exitCode).toBe(5);
    await until('its end to be seen', async () => (await history()).includes(', job between, exit 5\n'), 30_000);
  }, 60_000);

  test('daemon.watch = none knows nothing', async () => {
    const one = user('[daemon]\nwatch = "none"\n');
    await one.exec('true');
    await one.run(['list']);
    expect((await one.run(['list', '--verbose'])).stderr).not.toContain('its sessions are known');
  }, 60_000);
});

test('a connection that says nothing after the machine has slept is given up at once', async () => {
  const proxy = await startProxy(vm.address, vm.port);
  const dialer = aDialer(lab.directory, lab.identity);
  const endpoint = dialer.to({ ...vm, address: '127.0.0.1', port: proxy.port });
  const path = join(lab.directory, 'known_hosts');
  const held = heldLinks({
    clock: realClock,
    realmOf: () => ({ dialer, knownHosts: knownHosts({ path }), use() {}, leave() {} }),
    knowledge: knowledge({ clock: realClock, log: () => {} }),
    history: { note() {} },
    ...{ log() {}, onUsed() {}, onEmpty() {}, onFiles() {} },
  });
  try {
    const history = { backend: 'memory' as const, path: '', url: undefined, keepEvents: 1 };
    const to = { endpoint, hops: [], knownHosts: path, settings: '', persist: 60_000, watch: 'none' as const, history };
    (await held.use(to, aCaller())).leave();
    expect(held.status()).toMatchObject([{ connections: 1 }]);
    held.check(2_000);
    await until('it to have answered', () => held.status().length === 1);
    proxy.inject('stall');
    // Again and again: what it has answered to the first question may come after that.
    await until('it to be given up', () => {
      held.check(200);
      return held.status().length === 0;
    });
  } finally {
    held.close();
    proxy.close();
  }
}, 60_000);

(canHaveUsers() ? describe : describe.skip)('other users of the machine', () => {
  const UIDS = [64101, 64102, 64103] as const;
  let shared: string;
  const ofUsers = UIDS.map((uid) => `/tmp/azlin-${uid}`);
  beforeAll(() => {
    // A run that was cut off may have left them behind.
    for (const folder of ofUsers) removeFolder(folder);
    shared = mkdtempSync('/tmp/azlin-users-');
    chmodSync(shared, 0o755);
    cpSync(new URL('../../dist', import.meta.url).pathname, join(shared, 'dist'), { recursive: true });
  });
  afterAll(() => {
    endDaemons(shared);
    for (const folder of [shared, ...ofUsers]) removeFolder(folder);
  });

  /** Another user of this machine, with the same VMs. */
  function another(uid: number) {
    const home = join(shared, `home-${uid}`);
    const environment = {
      ...user().environment,
      HOME: home,
      AZLIN_HOME: join(home, 'azlin'),
      AZLIN_INVENTORY: join(home, 'azlin', 'fleet.json'),
      AZLIN_IDENTITY: join(home, 'key'),
    };
    cpSync(user().home, environment.AZLIN_HOME, { recursive: true });
    cpSync(lab.identity, environment.AZLIN_IDENTITY);
    execFileSync('chown', ['-R', `${uid}:${uid}`, home]);
    const as = (argv: readonly string[]) =>
      ended(spawn(process.execPath, argv, { cwd: '/', env: environment, uid, gid: uid }));
    return {
      as,
      exec: (...words: string[]) => as([join(shared, 'dist', 'azlin.js'), 'exec', ...words]),
      pids: () => daemonsBelow(home),
      place: daemonPlace(environment.AZLIN_HOME, uid),
    };
  }

  test('each has a daemon of their own, which the others cannot reach', async () => {
    const [ann, ben] = [another(UIDS[0]), another(UIDS[1])];
    for (const who of [ann, ben]) {
      expect(await who.exec('vm:dev', 'echo hi')).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' });
      await until('its daemon', () => who.pids().length === 1);
    }
    expect([ann, ben].map(({ pids }) => pids().map((pid) => statSync(`/proc/${pid}`).uid))).toEqual([
      [UIDS[0]],
      [UIDS[1]],
    ]);
    const { directory, prefix } = ann.place;
    const [socket = ''] = readdirSync(directory).filter((name) => name.startsWith(prefix));
    const knock = `require('node:net').connect(${JSON.stringify(join(directory, socket))}).on('error', ({ code }) => console.log(code))`;
    expect((await ben.as(['-e', knock])).stdout).toBe('EACCES\n');
  }, 90_000);

  test('who has prepared the folder of another one hears nothing', async () => {
    const cara = another(UIDS[2]);
    mkdirSync(cara.place.directory);
    chmodSync(cara.place.directory, 0o777);
    const trap = createServer();
    let heard = 0;
    trap.on('connection', (socket) => {
      heard++;
      socket.destroy();
    });
    const one = user();
    await one.exec('true');
    const { directory, prefix } = daemonPlace(one.home, UID);
    const name = readdirSync(directory).find((each) => each.startsWith(prefix)) ?? '';
    const path = join(cara.place.directory, name.replace(prefix, cara.place.prefix));
    await new Promise<void>((resolve) => trap.listen(path, resolve));
    chmodSync(path, 0o777);
    try {
      const { exitCode, stdout, stderr } = await cara.exec('-v', 'vm:dev', 'echo hi');
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'hi\n' });
      expect(stderr).toContain(`azlin's daemon is not used: ${cara.place.directory} belongs to another user`);
      expect(heard).toBe(0);
    } finally {
      trap.close();
    }
  }, 60_000);
});

test('the folder of its sockets must be the own one', () => {
  const directory = mkdtempSync(join(lab.directory, 'sockets-'));
  const place = { directory, prefix: '', socket: '' };
  expect(whyNotSafe(place, UID)).toBeUndefined();
  chmodSync(directory, 0o755);
  expect(whyNotSafe(place, UID)).toContain('others have access');
  chmodSync(directory, 0o700);
  expect(whyNotSafe(place, UID + 1)).toContain('belongs to another user');
  const missing = join(directory, 'new');
  expect(whyNotSafe({ ...place, directory: missing }, UID)).toBeUndefined();
  expect(existsSync(missing)).toBe(true);
});
