import { once, setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import ssh2 from 'ssh2';
import type { RemoteScript } from '../../src/domain/remote-script.ts';
import { commandScript } from '../../src/remote/remote-script.ts';
import { sharedTransport } from '../../src/transport/shared-transport.ts';
import type { Link, RemoteProcess } from '../../src/transport/transport.ts';
import { aCaller } from '../support/caller.ts';
import { realClock } from '../support/clock.ts';
import { aDialer, type TestDialer } from '../support/dialer.ts';
import { canRunDropbear, startDropbear } from '../support/dropbear.ts';
import { azlin, bash } from '../support/fleet.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { onScript } from '../support/on-script.ts';
import { type FaultyProxy, startProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

const caller = aCaller();
const { signal } = caller;
let lab: Lab;
let dialer: TestDialer;
let vm: { readonly address: string; readonly port: number; readonly user: string };
beforeAll(async () => {
  lab = await startLab();
  vm = await lab.start('vm');
  dialer = aDialer(lab.directory, lab.identity);
});
afterAll(() => lab.close());

async function run(link: Pick<Link, 'spawn'>, ...argv: readonly string[]) {
  const remote = (await link.spawn(commandScript(argv), { signal })) as RemoteProcess;
  remote.stderr.resume();
  let stdout = '';
  for await (const chunk of remote.stdout) stdout += chunk;
  return { stdout, exit: await remote.exit };
}

/** A server in this process that lets everybody in, and a link to it. */
async function serverWith(
  onClient: (client: ssh2.Connection) => void,
  {
    hostKeys = [readFileSync(lab.key('ed25519'))],
    ...more
  }: { hostKeys?: readonly Buffer[]; connectTimeout?: number } = {},
) {
  const server = new ssh2.Server({ hostKeys: [...hostKeys] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => context.accept());
    onClient(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const link = await dialer.dial(dialer.to({ address: '127.0.0.1', port, user: 'u' }, more), caller);
  const close = () => {
    link.close();
    server.close();
  };
  return { link, close };
}

describe('servers that limit what they do', () => {
  test('default MaxStartups: of 64 connections at once none fails', async () => {
    const links = await Promise.all(
      Array.from({ length: 64 }, () => dialer.dial(dialer.to(vm, { connectTimeout: 20_000 }), caller)),
    );
    expect(links.every(({ alive }) => alive)).toBe(true);
    for (const link of links) link.close();
  });

  test('MaxStartups 2: of 16 processes none fails', async () => {
    await lab.start('narrow', { sshdConfig: ['MaxStartups 2:90:3'] });
    const environment = lab.environment();
    const runs = await Promise.all(
      Array.from({ length: 16 }, (_, index) => azlin({ environment }, ['exec', 'narrow:dev', `echo ${index}`])),
    );
    expect(runs.map(({ stdout, stderr }) => stdout + stderr)).toEqual(
      Array.from({ length: 16 }, (_, index) => `${index}\n`),
    );
  });

  test('default MaxSessions: of 40 commands at once none fails', async () => {
    const transport = sharedTransport(dialer);
    const connection = await transport.connect(dialer.to(vm), caller);
    const spawn = async (script: RemoteScript) => connection.spawn(script, { signal });
    const runs = await Promise.all(
      Array.from({ length: 40 }, (_, index) => run({ spawn }, 'sh', '-c', `sleep 0.2; echo ${index}`)),
    );
    transport.close();
    expect(runs.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 40 }, (_, index) => `${index}\n`));
  });
});

describe('a command that ends at once', () => {
  test('keeps its exit status, however its packets arrive', async () => {
    const { link, close } = await serverWith((client) => {
      client.on('session', (accept) => {
        accept().on('exec', (acceptExec) => {
          const channel = acceptExec();
          onScript(channel, (output, errors) => {
            // All in one packet of TCP, so that it is read in one go.
            const socket = (client as unknown as { _sock: import('node:net').Socket })._sock;
            socket.cork();
            channel.write(`\n${output}\nhello\n`);
            channel.stderr.write(`\n${errors}\n`);
            channel.exit(7);
            channel.end();
            process.nextTick(() => socket.uncork());
          });
        });
      });
    });
    expect(await run(link, 'true')).toEqual({ stdout: 'hello\n', exit: { kind: 'exited', code: 7 } });
    close();
  });
});

describe('a server that goes on sending after it has ended a channel', () => {
  test.each(['before the command is granted', 'after that'])('%s: an error or an end, not a crash', async (when) => {
    interface Wire {
      channelEOF(id: number): void;
      channelExtData(id: number, data: Buffer, type: number): void;
    }
    const { link, close } = await serverWith((client) => {
      const wire = (client as unknown as { _protocol: Wire })._protocol;
      client.on('session', (accept) => {
        const session = accept();
        const { id } = (session as unknown as { _chanInfo: { outgoing: { id: number } } })._chanInfo.outgoing;
        const spoil = () => {
          wire.channelEOF(id);
          wire.channelExtData(id, Buffer.from('after the end'), 1);
        };
        session.on('exec', (acceptExec) => {
          if (when !== 'after that') spoil();
          const channel = acceptExec();
          if (when === 'after that') spoil();
          channel.exit(0);
          channel.close();
        });
      });
    });
    expect((await run(link, 'true')).exit.kind).toBe('lost');
    close();
  });
});

describe('a link that is cut between the exit status and the end of the output', () => {
  test('leaves the command lost, not ended', async () => {
    const { link, close } = await serverWith((client) => {
      client.on('session', (accept) => {
        accept().on('exec', (acceptExec) => {
          const channel = acceptExec();
          onScript(channel, (output, errors) => {
            channel.stderr.write(`\n${errors}\n`);
            channel.write(`\n${output}\nhalf of it`);
            channel.exit(0);
            setImmediate(() => setImmediate(() => client.end()));
          });
        });
      });
    });
    expect(await run(link, 'true')).toMatchObject({ stdout: 'half of it', exit: { kind: 'lost' } });
    close();
  });
});

describe('keys that are agreed on anew', () => {
  test('with another host key end the connection', async () => {
    const [first, second] = [lab.key('ed25519'), lab.key('ed25519')].map((path) => readFileSync(path));
    interface Inside {
      readonly _protocol: { _hostKeys: Record<string, unknown>; rekey(): void };
    }
    const other = ssh2.utils.parseKey(second as Buffer);
    const { link, close } = await serverWith(
      (client) => {
        client.on('session', (accept) => {
          accept().on('exec', (acceptExec) => {
            const channel = acceptExec();
            channel.on('error', () => {});
            onScript(channel, (output, errors) => {
              channel.stderr.write(`\n${errors}\n`);
              channel.write(`\n${output}\n`);
              const { _protocol: protocol } = client as unknown as Inside;
              const keys = protocol._hostKeys as Record<string, object>;
              for (const type of Object.keys(keys)) keys[type] = Array.isArray(other) ? other[0] : (other as object);
              protocol.rekey();
              // It would end well.
              realClock.schedule(500, () => {
                channel.exit(0);
                channel.end();
              });
            });
          });
        });
      },
      { hostKeys: [first as Buffer] },
    );
    expect((await run(link, 'true')).exit.kind).toBe('lost');
    close();
  });

  test('leave the connection alone, however long it goes on', async () => {
    const often = await lab.start('often', { sshdConfig: ['RekeyLimit 200K'] });
    const link = await dialer.dial(dialer.to(often, { connectTimeout: 1_000 }), caller);
    const { stdout, exit } = await run(
      link,
      'sh',
      '-c',
      'head -c 1500000 /dev/zero | tr "\\0" x; sleep 1.5; echo done',
    );
    expect({ length: stdout.length, end: stdout.slice(-5), exit }).toEqual({
      length: 1_500_005,
      end: 'done\n',
      exit: { kind: 'exited', code: 0 },
    });
    link.close();
  });
});

describe('a link that dies silently', () => {
  let proxy: FaultyProxy;
  afterEach(() => proxy.close());

  test('is noticed after three silent keepalives, not before; what ran is lost, and says why', async () => {
    proxy = await startProxy(vm.address, vm.port);
    const link = await dialer.dial(
      dialer.to({ ...vm, address: '127.0.0.1', port: proxy.port }, { keepalive: 200 }),
      caller,
    );
    const remote = (await link.spawn(commandScript(['sleep', '100']), { signal })) as RemoteProcess;
    remote.stdout.resume();
    remote.stderr.resume();
    // It is idle for longer than that, and alive all the same: the server answers.
    const started = Date.now();
    await until('the idle time', () => Date.now() - started > 1_500);
    expect(link.alive).toBe(true);
    proxy.inject('stall');
    const stalled = Date.now();
    const exit = await remote.exit;
    const took = Date.now() - stalled;
    expect(exit).toMatchObject({
      kind: 'lost',
      cause: { code: 'connection-lost', message: expect.stringContaining('nothing received for 600 ms') },
    });
    expect([link.alive, took > 350, took < 20_000]).toEqual([false, true, true]);
  });

  test('what has come before is still there for a slow reader', async () => {
    proxy = await startProxy(vm.address, vm.port);
    const to = dialer.to({ ...vm, address: '127.0.0.1', port: proxy.port }, { keepalive: 200 });
    const link = await dialer.dial(to, caller);
    const remote = (await link.spawn(commandScript(['sh', '-c', 'head -c 300000 /dev/zero; sleep 100']), {
      signal,
    })) as RemoteProcess;
    remote.stderr.resume();
    // It is all here, as far as it fits, and nobody has read it.
    await until('the output to arrive', () => remote.stdout.readableLength > 10_000);
    const arrived = Date.now();
    await until('the rest of it', () => Date.now() - arrived > 300);
    proxy.inject('stall');
    await until('the silence to be noticed', () => !link.alive);
    let length = 0;
    for await (const chunk of remote.stdout) length += (chunk as Buffer).length;
    expect({ length, exit: await remote.exit }).toEqual({
      length: 300_000,
      exit: expect.objectContaining({ kind: 'lost' }),
    });
  });

  test('is no link that is merely slow: data counts as a sign of life', async () => {
    proxy = await startProxy(vm.address, vm.port);
    const link = await dialer.dial(
      dialer.to({ ...vm, address: '127.0.0.1', port: proxy.port }, { keepalive: 150, keepaliveMissed: 2 }),
      caller,
    );
    expect(await run(link, 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.1; done')).toMatchObject({
      exit: { kind: 'exited', code: 0 },
    });
    link.close();
  });
});

describe('hosts behind one jump host', () => {
  test('share one connection to it, which is made again when it has died, and ends with the dialer', async () => {
    const proxy = await startProxy(vm.address, vm.port);
    const own = aDialer(lab.directory, lab.identity);
    const hop = { user: vm.user, host: '127.0.0.1', port: proxy.port };
    const behind = (alias: string) => ({
      ...own.to(vm),
      hostKeyAlias: alias,
      route: { kind: 'jump', hops: [hop], inFleet: false } as const,
    });
    const names = Array.from({ length: 10 }, (_, index) => `behind-${index}`);
    const ended = new AbortController();
    setMaxListeners(0, ended.signal);
    const links = await Promise.all(names.map((name) => own.dial(behind(name), aCaller({ signal: ended.signal }))));
    expect([links.every(({ alive }) => alive), proxy.open()]).toEqual([true, 1]);
    proxy.inject('cut');
    await until('the links to die', () => links.every(({ alive }) => !alive));
    proxy.inject(undefined);
    const again = await own.dial(behind('again'), caller);
    expect([again.alive, proxy.open()]).toEqual([true, 1]);
    again.close();
    own.close();
    await until('the connection to the jump host to end', () => proxy.open() === 0);
    proxy.close();
  });
});

describe('a jump host that never answers', () => {
  test('when it is asked to pass a connection on: a deadline, and both hosts are named', async () => {
    const server = new ssh2.Server({ hostKeys: [readFileSync(lab.key('ed25519'))] }, (client) => {
      client.on('error', () => {});
      client.on('authentication', (context) => context.accept());
      client.on('tcpip', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const own = aDialer(lab.directory, lab.identity);
    const hops = [{ user: 'u', host: '127.0.0.1', port }];
    const endpoint = { ...own.to(vm, { connectTimeout: 500 }), route: { kind: 'jump', hops, inFleet: false } as const };
    await expect(own.dial(endpoint, caller)).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/ through "u@127\.0\.0\.1:\d+": it did not reach 127\.\S+ port \d+ in 500 ms$/),
    });
    own.close();
    server.close();
  });
});

describe('each step has a deadline and a message of its own', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  async function saying(say: (socket: import('node:net').Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      say(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  }
  const failure = async (port: number) => {
    const dialled = dialer.dial(dialer.to({ address: '127.0.0.1', port, user: 'u' }, { connectTimeout: 500 }), caller);
    return dialled.then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  test('no banner, half a banner, no key exchange, no SSH at all', async () => {
    expect(await failure(await saying(() => {}))).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/^Connected to .*, but its SSH server did not answer in 500 ms$/),
    });
    expect(await failure(await saying((socket) => void socket.write('SSH-2.0-Open')))).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/did not answer in 500 ms$/),
    });
    expect(await failure(await saying((socket) => void socket.write('SSH-2.0-OpenSSH_9.9\r\n')))).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/agreeing on encryption took longer than 500 ms$/),
    });
    expect(await failure(await saying((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/what answers there is not an SSH server: "HTTP\/1\.1 400 Bad Request"/),
    });
  });

  test('turned away for load: tried again until the time is up, with what the server said', async () => {
    let knocks = 0;
    const port = await saying((socket) => {
      knocks++;
      socket.end('Exceeded MaxStartups\r\n');
    });
    expect(await failure(port)).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/its SSH server closed the connection: "Exceeded MaxStartups"$/),
    });
    expect(knocks).toBeGreaterThan(1);
  });

  test('a server that closes at once is asked again, and let in by the next', async () => {
    let knocks = 0;
    const port = await saying((socket) => {
      if (++knocks < 3) return void socket.end();
      const on = createConnection({ port: vm.port, host: vm.address });
      on.on('error', () => {});
      socket.pipe(on).pipe(socket);
    });
    const link = await dialer.dial(dialer.to({ ...vm, address: '127.0.0.1', port }, { connectTimeout: 5_000 }), caller);
    expect([link.alive, knocks]).toEqual([true, 3]);
    link.close();
  });

  test('what is no SSH server is not asked again', async () => {
    let knocks = 0;
    await failure(
      await saying((socket) => {
        knocks++;
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      }),
    );
    expect(knocks).toBe(1);
  });

  test('no channel', async () => {
    const { link, close } = await serverWith(
      (client) => {
        client.on('session', () => {});
      },
      { connectTimeout: 500 },
    );
    await expect(link.spawn(commandScript(['true']), { signal })).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/^Signed in to .*, but its SSH server did not open a channel within 500 ms$/),
    });
    close();
  });

  test('a server with old algorithms: what it offers, and the setting that would allow it', async () => {
    await lab.start('old', { sshdConfig: ['KexAlgorithms diffie-hellman-group14-sha1'] });
    const refused = await azlin({ environment: lab.environment() }, ['connect', 'old:dev']);
    expect(refused.stderr).toMatch(
      /for key exchange it offers only diffie-hellman-group14-sha1.*\nhint: .*ssh\.weakest_kex = "diffie-hellman-group14-sha1"/,
    );
    const environment = lab.environment('[ssh]\nweakest_kex = "diffie-hellman-group14-sha1"\n');
    expect(await azlin({ environment }, ['exec', 'old:dev', 'echo in'])).toMatchObject({ stdout: 'in\n' });
  });

  test('a server whose algorithms azlin does not have', async () => {
    await lab.start('hardened', { sshdConfig: ['Ciphers chacha20-poly1305@openssh.com'] });
    const { stderr } = await azlin({ environment: lab.environment() }, ['connect', 'hardened:dev']);
    expect(stderr).toMatch(
      /for cipher it offers only chacha20-poly1305@openssh\.com\nhint: azlin supports none of these; make the VM's SSH server offer one of aes128-gcm/,
    );
  });

  test.each([
    ['Ciphers aes256-cbc', 'cipher', 'weakest_cipher = "aes256-cbc"'],
    ['MACs hmac-sha1', 'MAC', 'weakest_mac = "hmac-sha1"'],
  ])('%s', async (config, what, setting) => {
    await lab.start('other', { sshdConfig: [config, ...(what === 'MAC' ? ['Ciphers aes128-ctr'] : [])] });
    const { stderr } = await azlin({ environment: lab.environment() }, ['connect', 'other:dev']);
    expect(stderr).toContain(`ssh.${setting}`);
    const environment = lab.environment(`[ssh]\n${setting}\n`);
    expect(await azlin({ environment }, ['exec', 'other:dev', 'echo in'])).toMatchObject({ stdout: 'in\n' });
  });
});

(canRunDropbear() ? describe : describe.skip)('a server that is dropbear', () => {
  test('keys, commands, exit codes, host keys, many keys in an agent', async () => {
    const dropbear = await startDropbear(join(lab.directory, 'dropbear'), readFileSync(`${lab.identity}.pub`, 'utf8'));
    try {
      lab.name('small', { ...dropbear.entry, id: 'id-of-small' });
      const environment = lab.environment();
      const { stdout, stderr, exitCode } = await azlin({ environment }, [
        'exec',
        '--create',
        'small:dev',
        'echo out; echo err >&2; exit 3',
      ]);
      expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 3 });
      expect((await azlin({ environment }, ['list', '--host', 'small'])).stdout).toMatch(/^small +dev +Running/m);
      const keys = Array.from({ length: 14 }, () => lab.key('ed25519')).join(' ');
      const agent = `eval "$(ssh-agent -s)" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT; ssh-add -q ${keys} ${lab.identity}; unset AZLIN_IDENTITY; `;
      const line = `${agent}${process.execPath} dist/azlin.js exec small:dev 'echo in'`;
      expect(await bash({ environment }, line)).toMatchObject({ stdout: 'in\n', stderr: '' });
    } finally {
      dropbear.stop();
    }
  });
});
