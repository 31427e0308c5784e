import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureTools } from '../../src/demo/tools.ts';
import { SHORTCUTS } from '../../src/domain/ssh-choices.ts';
import { canRunDropbear, startDropbear } from '../support/dropbear.ts';
import { azlin, bash, type RunOptions } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

let lab: Lab;
let servers = 0;
beforeAll(async () => {
  lab = await startLab();
}, 60_000);
afterAll(() => lab.close());

interface Known {
  hello: string;
  hostKey: string;
  identity: { key: string; algorithm: string } | null;
  channel: { window: number; packetSize: number } | null;
  minds: string[];
}

/** A server of its own, and a user who has an azlin of their own. */
async function server(sshdConfig: readonly string[] = [], more: Parameters<Lab['start']>[1] = {}) {
  const name = `s${++servers}`;
  const machine = await lab.start(name, { sshdConfig, ...more });
  const environment = { ...lab.environment('', (one) => one === name), LANG: 'C.UTF-8' };
  const fleet = { environment, directory: lab.directory };
  const file = () => {
    const folder = join(environment.AZLIN_HOME, 'cache/servers');
    return join(folder, existsSync(folder) ? (readdirSync(folder).find((name) => name.endsWith('.json')) ?? '') : '');
  };
  const known = () => (JSON.parse(readFileSync(file(), 'utf8')) as { value: Known }).value;
  const mark = join(machine.home, 'ran');
  return {
    name,
    machine,
    environment,
    run: (args: readonly string[], options: RunOptions = {}) => azlin(fleet, args, options),
    /** What azlin remembers of it. */
    known,
    /** Makes azlin remember something else. */
    forge(change: Partial<Known>) {
      const { version } = JSON.parse(readFileSync(file(), 'utf8'));
      writeFileSync(file(), JSON.stringify({ version, value: { ...known(), ...change } }));
    },
    /** A command that leaves a mark each time it runs, and how often it did. */
    marking: ['exec', '--verbose', `${name}:dev`, `echo x >>${mark}; echo done`],
    ran: () => (existsSync(mark) ? readFileSync(mark, 'utf8').split('\n').length - 1 : 0),
  };
}

const ALL = `shortcuts: ${SHORTCUTS.join(', ')}`;
const AGAIN = /again without shortcuts/;
const learned = async (sshdConfig: readonly string[] = [], more = {}) => {
  const one = await server(sshdConfig, more);
  const first = await one.run(one.marking);
  expect(first).toMatchObject({ exitCode: 0, stdout: 'done\n' });
  expect(first.stderr).not.toContain('shortcuts:');
  return one;
};

describe('a server that is known', () => {
  test('gets all of them from the second time on, and everything arrives whole', async () => {
    const one = await learned();
    expect(one.known()).toMatchObject({ minds: [], identity: { algorithm: 'ssh-ed25519' } });
    const second = await one.run(one.marking);
    expect(second).toMatchObject({ exitCode: 0, stdout: 'done\n', stderr: expect.stringContaining(ALL) });
    expect(second.stderr).not.toMatch(AGAIN);
    expect(one.ran()).toBe(2);
    const input = 'line of input\n'.repeat(50_000);
    const passed = await one.run(['exec', '--stdin', `${one.name}:dev`, 'cat; echo err >&2; exit 7'], { input });
    expect(passed.stdout === input).toBe(true);
    expect(passed).toMatchObject({ exitCode: 7, stderr: 'err\n' });
    expect((await one.run(['exec', '--durable', `${one.name}:dev`, 'seq 20000; exit 3'])).exitCode).toBe(3);
    expect((await one.run(['list', '--json'])).stdout).toContain('"dev"');
    const secret = await one.run(['exec', '--env', 'TOKEN=secret', `${one.name}:dev`, 'echo $TOKEN']);
    expect(secret.stdout).toBe('secret\n');
  }, 60_000);

  test.each(SHORTCUTS.map((one) => [one]))(
    'each of them works alone, and without the others: %s',
    async (shortcut) => {
      const one = await learned();
      for (const words of [shortcut, SHORTCUTS.filter((other) => other !== shortcut).join(',')]) {
        const { exitCode, stdout, stderr } = await one.run(one.marking, { environment: { AZLIN_SHORTCUTS: words } });
        expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'done\n' });
        expect(stderr).toContain(`shortcuts: ${words.replaceAll(',', ', ')}\n`);
      }
      const none = await one.run(one.marking, { environment: { AZLIN_SHORTCUTS: 'none' } });
      expect(none.stderr).not.toContain('shortcuts:');
      expect(one.ran()).toBe(4);
      const wrong = await one.run(one.marking, { environment: { AZLIN_SHORTCUTS: 'hello,fast' } });
      expect(wrong.stderr).toContain('expected one of hello, service, sign, exec, early');
    },
    60_000,
  );

  test.each(['rsa', 'ecdsa', 'ed25519'])(
    'a key of the type %s',
    async (type) => {
      const key = lab.key(type);
      const one = await server([], { authorizedKeys: readFileSync(`${key}.pub`, 'utf8') });
      const environment = { AZLIN_IDENTITY: key };
      for (let time = 0; time < 2; time++)
        expect(await one.run(one.marking, { environment })).toMatchObject({ exitCode: 0, stdout: 'done\n' });
      const third = await one.run(one.marking, { environment });
      expect(third.stderr).toContain(ALL);
      expect(third.stderr).not.toMatch(AGAIN);
      expect(one.ran()).toBe(3);
    },
    60_000,
  );

  test('a key in an agent, which is asked once for each sign-in', async () => {
    const one = await learned();
    const cli = `${process.execPath} ${new URL('../../dist/azlin.js', import.meta.url).pathname}`;
    const line = `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${lab.identity}
for time in 1 2; do ${cli} exec --verbose ${one.name}:dev 'echo in'; done`;
    const { AZLIN_IDENTITY: _, ...environment }: Readonly<Record<string, string>> = one.environment;
    const { exitCode, stdout, stderr } = await bash({ environment }, line, {});
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'in\nin\n' });
    expect(stderr.match(/shortcuts: hello, service, sign, exec, early/g)).toHaveLength(2);
    expect(stderr.match(/signed in with/g)).toHaveLength(2);
    expect(stderr).not.toMatch(AGAIN);
  }, 60_000);

  test('new keys are agreed on in the middle of a long output', async () => {
    const one = await learned(['RekeyLimit 1M']);
    const line = ['exec', '--verbose', `${one.name}:dev`, 'seq 2000000; seq 2000000 | md5sum >&2'];
    const { exitCode, stdout, stderr } = await one.run(line);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(ALL);
    expect(stderr).toContain(createHash('md5').update(stdout).digest('hex'));
  }, 60_000);

  test('the server says in its log: a strict key exchange, and proofs of host keys only while there are new ones', async () => {
    const { machine, name } = await server([lab.hostKey('ecdsa').config]);
    const log = join(lab.directory, `${name}.log`);
    const config = join(lab.directory, `${name}.config`);
    const address = '127.21.9.1';
    const own = readFileSync(join(lab.directory, name, 'sshd_config'), 'utf8');
    writeFileSync(config, `LogLevel DEBUG3\n${own.replace(/^ListenAddress .*$/m, `ListenAddress ${address}`)}`);
    const { sshd } = await ensureTools(process.env, () => {});
    const child = spawn(sshd, ['-D', '-E', log, '-f', config], { stdio: 'ignore', env: machine.environment });
    const said = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    try {
      await until('the server to listen', () => said().includes('Server listening'));
      lab.name('logged', { id: 'id-of-logged', address, port: machine.port, user: machine.user });
      const environment = { ...lab.environment('', (one) => one === 'logged'), LANG: 'C.UTF-8' };
      const call = async (line: string) => {
        const before = said().length;
        const done = await azlin({ environment }, ['exec', '--verbose', 'logged:dev', line]);
        expect(done.exitCode).toBe(0);
        await until('its connection to end', () => /Connection closed by|Disconnected from/.test(said().slice(before)));
        return { ...done, log: said().slice(before) };
      };
      const keys = () => readFileSync(join(environment.AZLIN_HOME, 'known_hosts'), 'utf8').match(/^id-of-logged /gm);
      await until('both host keys to be known', async () => {
        expect((await call('sleep 0.2')).log).toContain('hostkeys-prove-00@openssh.com');
        return keys()?.length === 2;
      });
      const { stderr, log: last } = await call('true');
      expect(stderr).toContain(ALL);
      expect(last).toContain('will use strict KEX ordering');
      expect(last).toContain('notify_hostkeys: sent 2 hostkeys');
      expect(last).not.toContain('hostkeys-prove');
    } finally {
      child.kill();
    }
  }, 60_000);

  test('a passphrase is asked for once', async () => {
    const key = lab.key('ed25519', 'secret');
    const one = await server([], { authorizedKeys: readFileSync(`${key}.pub`, 'utf8') });
    const terminal = await openTerminal({ ...one.environment, AZLIN_IDENTITY: key, TERM: 'xterm-256color' });
    const cli = `${process.execPath} ${new URL('../../dist/azlin.js', import.meta.url).pathname}`;
    try {
      for (let time = 1; time <= 2; time++) {
        await terminal.type(`clear; ${cli} exec ${one.name}:dev 'echo in ${time}'; echo "code $?"\n`);
        await terminal.shows(/Passphrase for/);
        await terminal.type('secret\n');
        const screen = await terminal.shows(new RegExp(`^in ${time}\\ncode 0$`, 'm'));
        expect(screen.match(/Passphrase for/g)).toHaveLength(1);
      }
    } finally {
      await terminal.close();
    }
  }, 60_000);

  test('attaches and reattaches', async () => {
    const one = await learned();
    const terminal = await openTerminal({ ...one.environment, TERM: 'xterm-256color' });
    const cli = `${process.execPath} ${new URL('../../dist/azlin.js', import.meta.url).pathname}`;
    try {
      for (let time = 1; time <= 3; time++) {
        await terminal.type(`clear; ${cli} connect ${one.name}:dev; echo "code $?"\n`);
        await terminal.shows(/\[dev\]/);
        await terminal.press('C-b', 'd');
        await terminal.shows(/^code 0$/m);
      }
      await terminal.type(`clear; ${cli} exec -t ${one.name}:dev 'tty >/dev/null && stty size'; echo "code $?"\n`);
      await terminal.shows(/^24 80\ncode 0$/m);
    } finally {
      await terminal.close();
    }
  }, 60_000);
});

describe('a server that is not as it was', () => {
  test('says something else: one plain connection at once; two such changes, and it is left at that', async () => {
    const one = await learned();
    const other = await learned(['KexAlgorithms curve25519-sha256']);
    for (const minds of [['hello'], ['hello', 'hello']]) {
      one.forge({ hello: other.known().hello });
      const again = await one.run(one.marking);
      expect(again).toMatchObject({ exitCode: 0, stdout: 'done\n' });
      expect(again.stderr).toMatch(/its server says something else than last time; again without shortcuts/);
      expect(one.known()).toMatchObject({ minds });
    }
    expect((await one.run(one.marking)).stderr).toContain('shortcuts: service, sign, exec, early\n');
    expect(one.ran()).toBe(4);
    // One that was the network's fault is forgotten with the next time that it works.
    one.forge({ minds: ['hello', 'early'] });
    expect((await one.run(one.marking)).stderr).toContain(ALL);
    expect(one.known().minds).toEqual([]);
  }, 60_000);

  test.each([
    ['nonsense', Buffer.from('SSH-2.0-x\r\n').toString('base64')],
    ['noise', Buffer.alloc(3_000, 7).toString('base64')],
    ['nothing', ''],
  ])(
    'what is remembered of it is %s',
    async (_what, hello) => {
      const one = await learned();
      one.forge({ hello });
      expect(await one.run(one.marking)).toMatchObject({ exitCode: 0, stdout: 'done\n' });
      expect((await one.run(one.marking)).stderr).toContain(ALL);
    },
    30_000,
  );

  test('does not accept the key any more, but another one of the user: it runs once', async () => {
    const one = await learned();
    const key = lab.key('ed25519');
    writeFileSync(join(one.machine.home, '../authorized_keys'), readFileSync(`${key}.pub`));
    writeFileSync(join(one.environment.AZLIN_HOME, 'config.toml'), `[ssh]\nidentity = ["${lab.identity}", "${key}"]\n`);
    const { AZLIN_IDENTITY: _, ...environment }: Readonly<Record<string, string>> = one.environment;
    const changed = await azlin({ environment }, one.marking);
    expect(changed).toMatchObject({ exitCode: 0, stdout: 'done\n' });
    expect(changed.stderr).toMatch(/does not accept the key of last time; again without shortcuts/);
    expect(one.ran()).toBe(2);
    expect(one.known().minds).toEqual([]);
    const next = await azlin({ environment }, one.marking);
    expect(next.stderr).toContain(ALL);
    expect(next.stderr).not.toMatch(AGAIN);
  }, 60_000);

  test('accepts no key any more: refused, and nothing has run', async () => {
    const one = await learned();
    writeFileSync(join(one.machine.home, '../authorized_keys'), '');
    for (const verb of [['exec'], ['exec', '--durable']]) {
      const { exitCode, stderr } = await one.run([...verb, `${one.name}:dev`, `echo x >>${one.machine.home}/ran`]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/^error: .* refused /) });
      expect(stderr).not.toMatch(/may have/);
    }
    expect((await one.run(['status', one.name])).stdout).toMatch(/sessions +unknown: .*refused/);
    expect(one.ran()).toBe(1);
  }, 60_000);

  test('has another host key: refused, and it is told nothing', async () => {
    const one = await learned();
    const { publicKey } = lab.hostKey('ed25519');
    const pins = join(one.environment.AZLIN_HOME, 'known_hosts');
    const [line = ''] = readFileSync(pins, 'utf8')
      .split('\n')
      .filter((text) => text !== '' && !text.startsWith('#'));
    writeFileSync(pins, `${line.split(' ')[0]} ${publicKey}\n`);
    const { exitCode, stderr } = await one.run(one.marking);
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(/host key .*changed/i) });
    expect(stderr).not.toMatch(/signed in|offering/);
    expect(one.ran()).toBe(1);
  }, 30_000);
});

describe('a server that minds', () => {
  const FORGED = { channel: { window: 0, packetSize: 32_768 } };

  test('ForceCommand: the same as without shortcuts', async () => {
    const one = await server(['ForceCommand echo no']);
    const line = ['exec', `${one.name}:dev`, 'true'];
    const plain = await one.run(line);
    expect(plain.exitCode).toBe(255);
    one.forge(FORGED);
    expect(await one.run(line)).toEqual(plain);
    expect(await one.run(line)).toEqual(plain);
  }, 60_000);

  test('MaxSessions 0 from now on: it may have run, as far as azlin can know; from then on the same as without', async () => {
    const one = await server(['MaxSessions 0']);
    const line = ['exec', `${one.name}:dev`, 'true'];
    const plain = await one.run(line);
    expect(plain).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('refuses to run commands') });
    one.forge(FORGED);
    expect((await one.run(line)).stderr).toMatch(/may have run|refuses to run commands/);
    expect(await one.run(line)).toEqual(plain);
    expect(one.known().minds).toContain('exec');
  }, 60_000);

  test('wants a password, too, from now on: refused as without shortcuts', async () => {
    const one = await learned();
    const line = ['exec', `${one.name}:dev`, 'true'];
    const config = join(one.machine.home, '../sshd_config');
    writeFileSync(config, `AuthenticationMethods publickey,password\n${readFileSync(config, 'utf8')}`);
    process.kill(one.machine.pid, 'SIGHUP');
    const environment = { AZLIN_SHORTCUTS: 'none' };
    const plain = await until('sshd to read it', async () => {
      const result = await one.run(line, { environment });
      return result.stderr.includes('refused') ? result : undefined;
    });
    expect(plain.exitCode).toBe(255);
    expect(await one.run(line)).toEqual(plain);
  }, 60_000);

  test('PermitTTY no: an error, and nothing runs', async () => {
    const one = await server(['PermitTTY no']);
    await one.run(['exec', `${one.name}:dev`, 'true']);
    const terminal = await openTerminal({ ...one.environment, TERM: 'xterm-256color' }, 100, 24);
    const cli = `${process.execPath} ${new URL('../../dist/azlin.js', import.meta.url).pathname}`;
    try {
      for (const shortcuts of ['none', 'all'])
        for (const line of [`connect ${one.name}:dev`, `exec -t ${one.name}:dev 'touch ~/ran'`]) {
          await terminal.type(`clear; AZLIN_SHORTCUTS=${shortcuts} ${cli} ${line}; echo "code $?"\n`);
          await terminal.shows(/^error: .*terminal[\s\S]*^code (5|255|1|10)$/m);
        }
    } finally {
      await terminal.close();
    }
    expect(one.ran()).toBe(0);
  }, 60_000);

  test('hangs up on whoever speaks first: a plain connection each time, until it is left at that', async () => {
    const one = await learned();
    const { address, port } = one.machine;
    const proxy = await impatient(address, port);
    try {
      const line = [
        'exec',
        '--verbose',
        '--port',
        `${proxy.port}`,
        '127.0.0.1:dev',
        `echo x >>${one.machine.home}/ran`,
      ];
      for (const [time, said] of [
        undefined,
        /before its greeting; trying again/,
        /before its greeting; trying again/,
        /shortcuts: service, sign, exec, early\n/,
      ].entries()) {
        const { exitCode, stderr } = await one.run(line, { environment: { AZLIN_SSH_USER: one.machine.user } });
        expect({ time, exitCode, stderr }).toEqual({
          time,
          exitCode: 0,
          stderr: said ? expect.stringMatching(said) : expect.not.stringContaining('shortcuts'),
        });
      }
      expect(one.ran()).toBe(5);
    } finally {
      proxy.close();
    }
  }, 60_000);

  test('is dropbear', async () => {
    if (!canRunDropbear()) return;
    const home = mkdtempSync(join(lab.directory, 'dropbear-'));
    const dropbear = await startDropbear(home, readFileSync(`${lab.identity}.pub`, 'utf8'));
    lab.name('small', dropbear.entry);
    const environment = { ...lab.environment('', (name) => name === 'small'), LANG: 'C.UTF-8' };
    const run = (...args: string[]) => azlin({ environment }, args);
    try {
      await run('ssh', 'small', '--tmux-session', 'dev', '--detach');
      for (let time = 0; time < 3; time++)
        expect(await run('exec', 'small:dev', 'echo x >>~/ran; echo in')).toMatchObject({
          exitCode: 0,
          stdout: 'in\n',
        });
      const quick = await run('exec', '--verbose', 'small:dev', 'echo x >>~/ran');
      expect(quick.stderr).toContain(ALL);
      expect(quick.stderr).not.toMatch(AGAIN);
      const key = lab.key('ed25519');
      writeFileSync(join(home, '.ssh/authorized_keys'), readFileSync(`${key}.pub`));
      writeFileSync(join(environment.AZLIN_HOME, 'config.toml'), `[ssh]\nidentity = ["${lab.identity}", "${key}"]\n`);
      const { AZLIN_IDENTITY: _, ...others }: Readonly<Record<string, string>> = environment;
      const changed = await azlin({ environment: others }, ['list', '--json']);
      expect(changed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"dev"') });
      expect(readFileSync(join(home, 'ran'), 'utf8')).toBe('x\n'.repeat(4));
    } finally {
      dropbear.stop();
    }
  }, 90_000);
});

describe('a VM that is far away', () => {
  test.each(['none', 'all'])(
    'is asked for its sessions as long as it takes; shortcuts: %s',
    async (shortcuts) => {
      const one = await server();
      const { address, port, user } = one.machine;
      const way = await delayed(address, port, 150);
      lab.name(`far-${one.name}`, { address: '127.0.0.1', port: way.port, user });
      const environment = {
        ...lab.environment('[resolve]\ndeadline = "2s"\n', (name) => name === `far-${one.name}`),
        ...{ LANG: 'C.UTF-8', AZLIN_SHORTCUTS: shortcuts },
      };
      try {
        for (let time = 0; time < 2; time++) {
          const { exitCode, stdout, stderr } = await azlin({ environment }, ['exec', 'dev', 'echo in']);
          expect({ exitCode, stdout, stderr }).toEqual({
            exitCode: 0,
            stdout: 'in\n',
            stderr: expect.not.stringContaining('could not be asked'),
          });
        }
      } finally {
        way.close();
      }
    },
    60_000,
  );
});

/** A way to a server on which everything takes `ms` in each direction, connecting too. */
async function delayed(address: string, port: number, ms: number) {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = createConnection({ host: address, port, noDelay: true });
    for (const [from, to, wait] of [
      [client, server, ms],
      [server, client, ms * 3],
    ] as const) {
      sockets.add(from);
      // The handshake of TCP is missing here: the first words of the server come later by as much.
      const until = Date.now() + wait;
      const chunks: Buffer[] = [];
      from.setNoDelay(true).on('error', () => {});
      from.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        // Timers that end together may do so in any order.
        setTimeout(() => to.write(chunks.shift() ?? ''), Math.max(ms, until - Date.now()));
      });
      from.on('close', () => setTimeout(() => to.destroy(), ms));
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as { port: number }).port,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

/** A way to a server that hangs up on a client that says more than its version before the server has spoken. */
async function impatient(address: string, port: number) {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    sockets.add(client);
    let hasSpoken = false;
    let before = 0;
    let server: Socket | undefined;
    const early: Buffer[] = [];
    client.on('error', () => {}).on('close', () => server?.destroy());
    client.on('data', (chunk: Buffer) => {
      before += hasSpoken ? 0 : chunk.length;
      if (before > 100) return void client.destroy();
      if (server) server.write(chunk);
      else early.push(chunk);
    });
    // Gives the client the time to say too much.
    setTimeout(() => {
      if (client.destroyed) return;
      server = createConnection({ host: address, port, noDelay: true });
      for (const chunk of early) server.write(chunk);
      server.on('data', (chunk: Buffer) => {
        hasSpoken = true;
        client.write(chunk);
      });
      server.on('error', () => {}).on('close', () => client.destroy());
    }, 100);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as { port: number }).port,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
