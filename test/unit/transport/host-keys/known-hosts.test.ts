import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostOfKeys } from '../../../../src/transport/host-keys/host-keys.ts';
import { knownHosts } from '../../../../src/transport/host-keys/known-hosts.ts';
import { readKnownHosts, removeKnownHosts } from '../../../../src/transport/host-keys/known-hosts-file.ts';
import { aCaller } from '../../../support/caller.ts';
import { anEndpoint } from '../../../support/endpoint.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-known-');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A key in wire format: its type, then anything. */
function aKey(type: string, rest: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(rest)]);
}
const one = aKey('ssh-ed25519', 'one');
const two = aKey('ssh-ed25519', 'two');
const ecdsa = aKey('ecdsa-sha2-nistp256', 'three');
const line = (hosts: string, key: Buffer) =>
  `${hosts} ${key.toString('latin1', 4, 15).startsWith('ssh-ed') ? 'ssh-ed25519' : 'x'} ${key.toString('base64')}`;

const own = () => join(directory, 'known_hosts');
const theirs = () => join(directory, 'users_known_hosts');
interface Opening {
  readonly path?: string;
  readonly weakestRsa?: number;
  readonly ask?: (question: string) => Promise<boolean>;
  readonly trace?: (line: string) => void;
}

/** The host keys as somebody sees them who answers `ask` and hears `trace`. */
function open({ path = own(), weakestRsa: rsa = 2048, ask, trace = () => {} }: Opening = {}) {
  const hosts = knownHosts({ path });
  const questions = ask && { confirm: ask, passphrase: async () => '' };
  const caller = aCaller({ questions, trace });
  return {
    ...hosts,
    typesOf: (host: HostOfKeys) => hosts.typesOf(host, caller),
    check: (host: HostOfKeys, key: Buffer) =>
      hosts.check({ ...host, ssh: { ...host.ssh, weakest: { ...host.ssh.weakest, rsa } } }, key, caller),
    update: (host: HostOfKeys, current: Buffer, proven: readonly Buffer[]) =>
      hosts.update(host, { current, proven }, caller),
    show: (host: HostOfKeys) => hosts.show(host, caller),
    forget: (host: HostOfKeys) => hosts.forget(host, caller),
  };
}

/** A VM that is pinned under its name and known to ssh by its address. */
function vm(name: string, knownAs = '10.0.0.4', hostKeys: 'accept-new' | 'strict' | 'ask' = 'accept-new'): HostOfKeys {
  const { ssh } = anEndpoint();
  return anEndpoint({
    label: name,
    hostKeyAlias: name,
    knownAs,
    ssh: { ...ssh, knownHostsFiles: [theirs()], hostKeys },
  });
}

describe('pinning', () => {
  test('makes folder and file for the user alone', async () => {
    const path = join(directory, 'new', 'known_hosts');
    await open({ path }).check(vm('a'), one);
    expect([statSync(path).mode & 0o777, statSync(join(directory, 'new')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  test('a file without a last line break keeps its last entry', async () => {
    await open().check(vm('a'), one);
    writeFileSync(own(), readFileSync(own(), 'utf8').trimEnd());
    await open().check(vm('b'), two);
    await open().check(vm('a'), one);
    expect(await open().typesOf(vm('b'))).toEqual(['ssh-ed25519']);
  });

  test('many at once lose nothing', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => open().check(vm(`h${index}`), one)));
    const kept = await Promise.all(Array.from({ length: 50 }, (_, index) => open().typesOf(vm(`h${index}`))));
    expect(kept.every((types) => types.length > 0)).toBe(true);
  });

  test('several keys of one host are all accepted, another one is not, of whatever type', async () => {
    writeFileSync(own(), `${line('a', one)}\n${line('b,a', two)} comment\n`);
    await open().check(vm('a'), two);
    for (const other of [aKey('ssh-ed25519', 'x'), ecdsa])
      await expect(open().check(vm('a'), other)).rejects.toMatchObject({ code: 'host-key-changed' });
  });

  test('a place that cannot be written to is said, and nothing is trusted', async () => {
    const path = join(directory, 'file', 'known_hosts');
    writeFileSync(join(directory, 'file'), '');
    await expect(open({ path }).check(vm('a'), one)).rejects.toThrow(/Cannot (read|keep)/);
  });

  test('an address says nothing against a pinned key', async () => {
    await open().check(vm('a', '10.0.0.4'), one);
    writeFileSync(theirs(), `${line('10.0.0.9', two)}\n`);
    await open().check(vm('a', '10.0.0.9'), one);
  });

  test('RSA keys that are too short are refused, pinned ones too', async () => {
    const short = join(directory, 'rsa');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', short]);
    const key = Buffer.from(readFileSync(`${short}.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
    writeFileSync(own(), `a ssh-rsa ${key.toString('base64')}\n`);
    await expect(open().check(vm('a'), key)).rejects.toThrow('too weak: RSA with 1024 bits');
    await open({ weakestRsa: 1024 }).check(vm('a'), key);
  });
});

describe("the user's own known_hosts", () => {
  test('a key known there is taken over, also in strict mode; what order of types to ask for follows it', async () => {
    writeFileSync(theirs(), `${line('10.0.0.4', ecdsa)}\n`);
    expect(await open().typesOf(vm('a'))).toEqual(['ecdsa-sha2-nistp256']);
    await open().check(vm('a', '10.0.0.4', 'strict'), ecdsa);
    rmSync(theirs());
    expect(await open().isPinned(vm('a'))).toBe(true);
  });

  test.each(['accept-new', 'strict', 'ask'] as const)(
    '%s: another key than the one known there is refused',
    async (policy) => {
      writeFileSync(theirs(), `# first\n${line('other,10.0.0.4', one)}\n`);
      const checked = open({ ask: async () => true }).check(vm('a', '10.0.0.4', policy), two);
      await expect(checked).rejects.toMatchObject({
        code: 'host-key-changed',
        message: expect.stringContaining(`${theirs()}:2`),
        hint: expect.stringContaining('azlin host-key forget a'),
      });
    },
  );

  test.each([
    ['hashed', '10.0.0.4'],
    ['hashed with a port', '[10.0.0.4]:2222'],
  ])('%s names, as ssh-keygen writes them', async (_name, knownAs) => {
    writeFileSync(theirs(), `${line(knownAs, one)}\n${line('10.0.0.5', two)}\n`);
    execFileSync('ssh-keygen', ['-H', '-f', theirs()], { stdio: 'ignore' });
    expect(readFileSync(theirs(), 'utf8')).not.toContain('10.0.0');
    await expect(open().check(vm('a', knownAs), two)).rejects.toMatchObject({ code: 'host-key-changed' });
    await open().check(vm('b', knownAs, 'strict'), one);
  });

  test('patterns, with exceptions', async () => {
    writeFileSync(theirs(), `${line('10.0.*,!10.0.0.9', one)}\n`);
    await open().check(vm('a', '10.0.0.4', 'strict'), one);
    await expect(open().check(vm('b', '10.0.0.9', 'strict'), one)).rejects.toMatchObject({ code: 'host-key-unknown' });
  });

  test('a key known for the host without a port is good on its other ports; another one there says nothing', async () => {
    writeFileSync(theirs(), `${line('10.0.0.4', one)}\n`);
    await open().check(vm('a', '[10.0.0.4]:2222', 'strict'), one);
    await open().check(vm('b', '[10.0.0.4]:2222'), two);
    await expect(open().check(vm('c', '[10.0.0.4]:2222', 'strict'), two)).rejects.toMatchObject({
      code: 'host-key-unknown',
    });
  });

  test('with the port counts more than without it; revoked without it is revoked with it', async () => {
    writeFileSync(theirs(), `${line('[10.0.0.4]:2222', two)}\n${line('10.0.0.4', one)}\n`);
    await expect(open().check(vm('a', '[10.0.0.4]:2222', 'strict'), one)).rejects.toMatchObject({
      code: 'host-key-changed',
    });
    writeFileSync(theirs(), `${line('10.0.0.4', one)}\n@revoked ${line('10.0.0.4', one)}\n`);
    await expect(open().check(vm('b', '[10.0.0.4]:2222', 'strict'), one)).rejects.toMatchObject({
      code: 'host-key-revoked',
    });
  });

  test('by old data a host is looked at, and nothing is kept of it', async () => {
    const looked = (policy: 'accept-new' | 'strict' | 'ask') => ({
      ...vm('a', '10.0.0.4', policy),
      firstSight: 'look' as const,
    });
    await open().check(looked('accept-new'), one);
    expect(await open().isPinned(vm('a'))).toBe(false);
    await expect(open({ ask: async () => true }).check(looked('ask'), one)).rejects.toMatchObject({
      code: 'host-key-unknown',
    });
    await expect(open().check(looked('strict'), one)).rejects.toMatchObject({ code: 'host-key-unknown' });
    await open().check(vm('a'), one);
    await expect(open().check(looked('accept-new'), two)).rejects.toMatchObject({ code: 'host-key-changed' });
  });

  test.each([['here'], ['there']])('a revoked key is refused even where it is pinned; marked %s', async (where) => {
    await open().check(vm('a'), one);
    writeFileSync(where === 'here' ? own() : theirs(), `@revoked * ${line('', one).trim()}\n`, { flag: 'a' });
    const checked = open().check(vm('a'), one);
    await expect(checked).rejects.toMatchObject({ code: 'host-key-revoked' });
    // Another key of the same host is not.
    if (where === 'there') await open().check(vm('b'), two);
  });

  test('a pipe, which may never end, is no file', async () => {
    execFileSync('mkfifo', [theirs()]);
    await open().check(vm('a'), one);
  });

  test('one that cannot be read says nothing; our own must be readable', async () => {
    const said: string[] = [];
    const trace = (text: string) => said.push(text);
    execFileSync('mkdir', [theirs()]);
    await open({ trace }).check(vm('a'), one);
    expect(said.join()).toContain('cannot be read');
    rmSync(own());
    execFileSync('mkdir', [own()]);
    await expect(open().check(vm('a'), one)).rejects.toThrow('Cannot read the known host keys');
  });

  test('certificates of hosts are named as not supported', async () => {
    const said: string[] = [];
    writeFileSync(theirs(), `@cert-authority * ${line('', one).trim()}\n`);
    await open({ trace: (text) => said.push(text) }).check(vm('a'), one);
    expect(said.join()).toMatch(/:1: host certificates are not supported/);
  });
});

describe('hosts that are met for the first time', () => {
  test('strict refuses them', async () => {
    await expect(open().check(vm('a', '10.0.0.4', 'strict'), one)).rejects.toMatchObject({ code: 'host-key-unknown' });
    expect(await open().isPinned(vm('a'))).toBe(false);
  });

  test('ask does as it is told, asks once for many connections, and refuses where nobody can be asked', async () => {
    const host = vm('a', '10.0.0.4', 'ask');
    await expect(open().check(host, one)).rejects.toMatchObject({ hint: expect.stringContaining('from a terminal') });
    await expect(open({ ask: async () => false }).check(host, one)).rejects.toMatchObject({ code: 'host-key-unknown' });
    const questions: string[] = [];
    const hosts = open({
      ask: async (question) => {
        questions.push(question);
        return true;
      },
    });
    await Promise.all([hosts.check(host, one), hosts.check(host, one), hosts.check(host, one)]);
    expect(questions).toEqual([
      expect.stringMatching(/^The host key of "a" .* is not known: SHA256:\S+ \(ED25519\)\. Trust it\?$/),
    ]);
  });
});

describe('rotation', () => {
  test('proven keys come, keys that the server no longer has go', async () => {
    const hosts = open();
    await hosts.check(vm('a'), one);
    await hosts.check(vm('b'), two);
    await hosts.update(vm('a'), one, [one, two, ecdsa]);
    await hosts.check(vm('a'), ecdsa);
    await hosts.update(vm('a'), two, [two, ecdsa]);
    await expect(hosts.check(vm('a'), one)).rejects.toMatchObject({ code: 'host-key-changed' });
    await hosts.check(vm('a'), two);
    await hosts.check(vm('b'), two);
  });

  test('nothing is taken over from a server that hides the key it used, or whose key is not pinned', async () => {
    const hosts = open();
    await hosts.check(vm('a'), one);
    await hosts.update(vm('a'), one, [two]);
    await hosts.update(vm('a'), two, [two]);
    await hosts.update(vm('never-met'), two, [two]);
    expect((await hosts.show(vm('a'))).length).toBe(1);
    expect(await hosts.isPinned(vm('never-met'))).toBe(false);
  });

  test('a key that is revoked is not taken over', async () => {
    const hosts = open();
    await hosts.check(vm('a'), one);
    writeFileSync(theirs(), `@revoked * ${line('', two).trim()}\n`);
    await hosts.update(vm('a'), one, [one, two]);
    expect((await hosts.show(vm('a'))).filter(({ revoked }) => !revoked)).toHaveLength(1);
  });

  test('behind an address keys only come: there may be several machines', async () => {
    const host = { ...vm('10.0.0.4'), knownAs: '10.0.0.4' };
    writeFileSync(own(), `${line('10.0.0.4', one)}\n${line('10.0.0.4', two)}\n`);
    await open().update(host, two, [two, ecdsa]);
    expect((await open().show(host)).length).toBe(3);
  });
});

describe('forget', () => {
  test('takes the keys out of all files, keeps a copy of those of ssh, and leaves the rest alone', async () => {
    const hosts = open();
    await hosts.check(vm('b'), two);
    writeFileSync(own(), `${line('a,b', one)}\n`, { flag: 'a' });
    const before = `${line('10.0.0.4', one)}\n${line('10.0.0.5', two)}\n`;
    writeFileSync(theirs(), before, { mode: 0o644 });
    const { removed, kept } = await hosts.forget(vm('a'));
    expect({ removed: removed.map(({ path, line: at }) => [path, at]), kept }).toEqual({
      removed: [
        [own(), 2],
        [theirs(), 1],
      ],
      kept: [],
    });
    expect(readFileSync(theirs(), 'utf8')).toBe(`${line('10.0.0.5', two)}\n`);
    expect(readFileSync(`${theirs()}.old`, 'utf8')).toBe(before);
    expect(await hosts.show(vm('a'))).toEqual([]);
    // The other host of the same line keeps its key.
    await hosts.check(vm('b', '10.0.0.5'), one);
    await hosts.check(vm('a'), two);
  });

  test('a link to the file stays a link', async () => {
    const real = join(directory, 'dotfiles');
    writeFileSync(real, `${line('10.0.0.4', one)}\n${line('10.0.0.9', two)}\n`);
    symlinkSync(real, theirs());
    await open().forget(vm('a'));
    expect([lstatSync(theirs()).isSymbolicLink(), readFileSync(real, 'utf8')]).toEqual([
      true,
      `${line('10.0.0.9', two)}\n`,
    ]);
  });

  test('a file that has changed meanwhile loses the right lines', async () => {
    const rows = [line('10.0.0.1', one), line('10.0.0.4', two), line('10.0.0.9', ecdsa)];
    writeFileSync(theirs(), `${rows.join('\n')}\n`);
    const lines = (await readKnownHosts(theirs())).filter(({ hosts }) => hosts === '10.0.0.4');
    writeFileSync(theirs(), `${rows.slice(1).join('\n')}\n`);
    await removeKnownHosts(theirs(), lines);
    expect(readFileSync(theirs(), 'utf8')).toBe(`${rows[2]}\n`);
  });

  test('patterns and revoked keys stay, and the former are told', async () => {
    writeFileSync(theirs(), `${line('10.0.*', one)}\n@revoked * ${line('', two).trim()}\n`);
    const { removed, kept } = await open().forget(vm('a'));
    expect({ removed, kept }).toEqual({
      removed: [],
      kept: [expect.objectContaining({ reason: 'it applies to all hosts that match 10.0.*' })],
    });
    expect((await open().show(vm('a'))).map(({ revoked }) => revoked)).toEqual([false, true]);
  });

  test('while others add keys, none of theirs is lost', async () => {
    await open().check(vm('gone'), one);
    const adding = Array.from({ length: 40 }, (_, index) => open().check(vm(`h${index}`), two));
    await Promise.all([...adding, open().forget(vm('gone')), ...adding]);
    const kept = await Promise.all(Array.from({ length: 40 }, (_, index) => open().isPinned(vm(`h${index}`))));
    expect([kept.every((is) => is), await open().isPinned(vm('gone'))]).toEqual([true, false]);
  });

  test('finds what was kept under the name of a VM that is gone', async () => {
    await open().check({ ...vm('id-1'), label: 'myvm' }, one);
    expect(await open().aliasesOf('MyVM')).toEqual(['id-1']);
  });
});
