import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { typeOfKey } from '../../../../src/transport/host-keys/public-key.ts';
import type { Agent, AgentKey } from '../../../../src/transport/identities/agent.ts';
import { describeCertificate, readCertificate, untimely } from '../../../../src/transport/identities/certificate.ts';
import { type IdentitySettings, identities } from '../../../../src/transport/identities/identities.ts';
import type { IdentityFile } from '../../../../src/transport/ssh-config/ssh-options.ts';
import { parsePrivateKey } from '../../../../src/transport/ssh2/ssh2-keys.ts';
import { aCaller } from '../../../support/caller.ts';
import { realClock } from '../../../support/clock.ts';

let home = '';
const at = (name: string) => join(home, name);
beforeAll(() => {
  home = mkdtempSync('/tmp/azlin-keys-');
  const make = (name: string, ...options: string[]) =>
    execFileSync('ssh-keygen', ['-q', '-N', '', '-C', name, '-f', at(name), ...options]);
  make('one', '-t', 'ed25519');
  make('two', '-t', 'ecdsa');
  make('three', '-t', 'rsa');
  make('locked', '-t', 'ed25519');
  execFileSync('ssh-keygen', ['-q', '-p', '-N', 'right', '-f', at('locked')]);
  make('locked-pem', '-t', 'rsa', '-m', 'PEM');
  execFileSync('ssh-keygen', ['-q', '-p', '-m', 'PEM', '-N', 'right', '-f', at('locked-pem')]);
});
afterAll(() => rmSync(home, { recursive: true }));

const publicKey = (name: string) => Buffer.from(readFileSync(`${at(name)}.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
const files = (names: readonly string[], source: IdentityFile['source'] = 'ssh-config') =>
  names.map((name) => ({ path: at(name), source }));

/** An agent that holds these keys. */
function agentWith(names: readonly string[], more: readonly AgentKey[] = []): Agent {
  const held = names.map((name) => ({ key: publicKey(name), type: typeOfKey(publicKey(name)), comment: name }));
  return { keys: async () => [...held, ...more], sign: async () => Buffer.from('signed') };
}

const settings = (fields: Partial<IdentitySettings> = {}): IdentitySettings => ({
  loadParse: async () => parsePrivateKey,
  agentAt: () => agentWith([]),
  clock: realClock,
  ...fields,
});

async function offered(options: {
  names?: readonly string[];
  agent?: Agent;
  certificates?: readonly string[];
  only?: boolean;
  source?: IdentityFile['source'];
}) {
  const known = identities(settings(options.agent ? { agentAt: () => options.agent as Agent } : {}));
  const wanted = {
    identityFiles: files(options.names ?? [], options.source),
    certificateFiles: files(options.certificates ?? []),
    identitiesOnly: options.only ?? false,
    agent: options.agent ? '/agent' : undefined,
  };
  const { identities: all, notes } = await known.offersFor(wanted, aCaller());
  return {
    names: all.map(({ name }) => name.replaceAll(`${home}/`, '')),
    notes: notes.map((note) => note.replaceAll(`${home}/`, '')),
  };
}

describe('the order', () => {
  test('keys of the agent that have a file, others of the agent, files', async () => {
    const agent = agentWith(['three', 'two']);
    expect((await offered({ names: ['one', 'two'], agent })).names).toEqual([
      'two (the SSH agent\'s "two")',
      'the SSH agent\'s "three"',
      'one',
    ]);
  });

  test('IdentitiesOnly: no other keys of the agent', async () => {
    const agent = agentWith(['three', 'two']);
    expect((await offered({ names: ['one', 'two'], agent, only: true })).names).toEqual([
      'two (the SSH agent\'s "two")',
      'one',
    ]);
  });

  test('a public key picks one out of an agent', async () => {
    const agent = agentWith(['three', 'two']);
    expect((await offered({ names: ['two.pub'], agent, only: true })).names).toEqual([
      'two.pub (the SSH agent\'s "two")',
    ]);
    expect((await offered({ names: ['one.pub'], agent, only: true })).notes).toEqual([
      'one.pub: it is a public key, and no agent holds the private key',
    ]);
  });

  test('a file whose private half is with the agent only', async () => {
    renameSync(at('three'), at('away'));
    try {
      expect((await offered({ names: ['three'], agent: agentWith(['three']), only: true })).names).toHaveLength(1);
    } finally {
      renameSync(at('away'), at('three'));
    }
  });
});

describe('passphrases', () => {
  const locked = (names: readonly string[], answers: string[]) => {
    const asked: string[] = [];
    const known = identities(settings());
    const passphrase = async (question: string) => {
      asked.push(question);
      return answers.shift() ?? 'wrong';
    };
    const caller = aCaller({ questions: { passphrase, confirm: async () => false } });
    const offers = () =>
      known.offersFor(
        { identityFiles: files(names), certificateFiles: [], identitiesOnly: false, agent: undefined },
        caller,
      );
    return { asked, offers };
  };

  test('are asked for when the key is used, not when it is offered, and once a run', async () => {
    const { asked, offers } = locked(['locked'], ['right']);
    const [identity] = (await offers()).identities;
    expect([identity?.publicKey?.equals(publicKey('locked')), asked]).toEqual([true, []]);
    expect((await identity?.unlock())?.publicKey).toEqual(publicKey('locked'));
    await (await offers()).identities[0]?.unlock();
    expect(asked).toEqual([`Passphrase for ${at('locked')}`]);
  });

  test('a PEM file tells its public half by the file beside it, or not before it is unlocked', async () => {
    const { asked, offers } = locked(['locked-pem'], ['right']);
    expect((await offers()).identities[0]?.publicKey).toEqual(publicKey('locked-pem'));
    const alone = at('alone');
    writeFileSync(alone, readFileSync(at('locked-pem')), { mode: 0o600 });
    const other = locked(['alone'], ['wrong', 'right']);
    const [identity] = (await other.offers()).identities;
    expect([identity?.publicKey, asked.length]).toEqual([undefined, 0]);
    expect((await identity?.unlock())?.publicKey).toEqual(publicKey('locked-pem'));
    expect(other.asked).toHaveLength(2);
  });

  test('three wrong ones are enough; without a terminal it is said', async () => {
    const { asked, offers } = locked(['locked'], []);
    const first = await offers();
    expect(await first.identities[0]?.unlock()).toBeUndefined();
    expect([asked.length, first.notes]).toEqual([3, [`${at('locked')}: the passphrase is wrong`]]);
    const wanted = { identityFiles: files(['locked']), certificateFiles: [], identitiesOnly: false, agent: undefined };
    const silent = await identities(settings()).offersFor(wanted, aCaller());
    expect(await silent.identities[0]?.unlock()).toBeUndefined();
    expect(silent.notes.join()).toMatch(/no terminal to ask for its passphrase; add it to an agent: ssh-add/);
  });
});

describe('formats', () => {
  test.each(['rsa', 'ec', 'ed25519'] as const)('PKCS #8, plain and encrypted: %s', async (type) => {
    const options = type === 'rsa' ? { modulusLength: 2048 } : type === 'ec' ? { namedCurve: 'P-256' } : {};
    const { privateKey } = generateKeyPairSync(type as 'ec', options as { namedCurve: string });
    const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const secret = privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
      .toString();
    const key = parsePrivateKey(plain);
    expect(parsePrivateKey(secret)).toBe('encrypted');
    expect(parsePrivateKey(secret, 'wrong')).toBe('encrypted');
    expect((parsePrivateKey(secret, 'right') as { publicKey: Buffer }).publicKey).toEqual(
      (key as { publicKey: Buffer }).publicKey,
    );
  });

  const unusable = (name: string, content: string, mode = 0o600) => {
    writeFileSync(at(name), content, { mode });
    chmodSync(at(name), mode);
    return offered({ names: [name] });
  };

  test('what cannot be used says why and what to do', async () => {
    expect((await unusable('key.ppk', 'PuTTY-User-Key-File-3: ssh-ed25519\n')).notes.join()).toMatch(
      /PuTTY's format; convert it with puttygen/,
    );
    expect((await unusable('rubbish', 'hello')).notes.join()).toMatch(/holds no key/);
    expect((await unusable('open', readFileSync(at('one'), 'utf8'), 0o644)).notes.join()).toMatch(
      /other users may read it \(its mode is 644\); use chmod 600/,
    );
    const sk = Buffer.concat([Buffer.from([0, 0, 0, 26]), Buffer.from('sk-ssh-ed25519@openssh.com'), Buffer.alloc(8)]);
    expect((await unusable('sk.pub', `sk-ssh-ed25519@openssh.com ${sk.toString('base64')} me\n`)).notes.join()).toMatch(
      /hardware token/,
    );
  });

  test('named to azlin, it is an error; named in ssh_config or usual, it is passed over', async () => {
    for (const name of ['nowhere', 'rubbish'])
      await expect(offered({ names: [name], source: 'azlin' })).rejects.toMatchObject({ code: 'config' });
    expect((await offered({ names: ['nowhere'] })).names).toEqual([]);
  });

  test('what an agent holds and azlin cannot use', async () => {
    const dss = { key: Buffer.from('x'), type: 'ssh-dss', comment: 'old\u001b[2J' };
    const { names, notes } = await offered({ agent: agentWith(['one'], [dss]) });
    expect({ names, notes }).toEqual({
      names: ['the SSH agent\'s "one"'],
      notes: [expect.stringMatching(/^the SSH agent's "old": DSA keys are too weak/)],
    });
  });

  test('an agent that fails is told, and not asked again', async () => {
    let asked = 0;
    const agent: Agent = {
      keys: async () => {
        if (asked++ === 0) throw new Error('no agent listens there');
        return [];
      },
      sign: async () => Buffer.alloc(0),
    };
    const known = identities(settings({ agentAt: () => agent }));
    const options = { identityFiles: [], certificateFiles: [], identitiesOnly: false, agent: '/agent' };
    expect((await known.offersFor(options, aCaller())).notes).toEqual(['the SSH agent: no agent listens there']);
    expect((await known.offersFor(options, aCaller())).notes).toEqual(['the SSH agent: no agent listens there']);
    expect(asked).toBe(1);
  });
});

describe('certificates', () => {
  /** Makes `NAME.pub` for a key, signed by `two`, and tells its name. */
  function certify(name: string, key: string, ...options: readonly string[]): string {
    writeFileSync(at(`${name}.pub`), readFileSync(at(`${key}.pub`)));
    execFileSync('ssh-keygen', ['-q', '-s', at('two'), '-I', `id of ${name}`, ...options, at(`${name}.pub`)]);
    return `${name}-cert.pub`;
  }
  const held = (name: string) => {
    const key = publicKey(name.replace(/\.pub$/, ''));
    return { key, type: typeOfKey(key), comment: name };
  };

  test('come first, each with the key that it is for', async () => {
    const certificates = [certify('by-file', 'one', '-n', 'a,b'), certify('by-agent', 'three'), 'two.pub'];
    const { names, notes } = await offered({ names: ['one'], certificates, agent: agentWith(['three']) });
    expect(names).toEqual([
      'by-file-cert.pub ("id of by-file" for a, b, without expiry)',
      'by-agent-cert.pub ("id of by-agent", without expiry)',
      'the SSH agent\'s "three"',
      'one',
    ]);
    expect(notes).toEqual(['two.pub: it is not a certificate']);
  });

  test('that are held by an agent: once, and with IdentitiesOnly those that have a file', async () => {
    const [one, two] = [held(certify('held', 'three', '-n', 'me')), held(certify('other', 'one'))];
    const agent = agentWith([], [one, two]);
    const certificates = ['held-cert.pub'];
    const first = 'held-cert.pub ("id of held" for me, without expiry)';
    expect((await offered({ certificates, agent })).names).toEqual([
      first,
      'the SSH agent\'s "other-cert.pub" ("id of other", without expiry)',
    ]);
    expect((await offered({ certificates, agent, only: true })).names).toEqual([first]);
  });

  test('whose time is over or has not come, that are for hosts, damaged, or for no key that is there', async () => {
    const expired = certify('expired', 'one', '-V', '20200101:20210101');
    const early = certify('early', 'one', '-V', '20990101:20990102');
    const host = certify('host', 'one', '-h', '-n', 'vm');
    const stranger = certify('stranger', 'three');
    const [type, encoded = ''] = readFileSync(at(expired), 'utf8').split(' ');
    writeFileSync(at('half-cert.pub'), `${type} ${encoded.slice(0, 80)} me\n`);
    const certificates = [expired, early, host, stranger, 'half-cert.pub'];
    const { names, notes } = await offered({ names: ['one'], certificates, agent: agentWith([], [held(host)]) });
    expect(names).toEqual(['one']);
    expect(notes).toEqual([
      'host-cert.pub: it is for a host, not for a user',
      'half-cert.pub: it is incomplete',
      expect.stringMatching(/^expired-cert\.pub: it expired \d+ d ago; have it renewed$/),
      expect.stringMatching(/^early-cert\.pub: it is not valid before 2099-01-01T/),
      'stranger-cert.pub: no identity file and no agent has its key',
      'the SSH agent\'s "host-cert.pub": it is for a host, not for a user',
    ]);
  });

  test('tell what they say, and a clock that is a little slow does not matter', async () => {
    certify('told', 'three', '-n', 'a,b,c,d,e', '-V', '20260101000000Z:20260101100000Z');
    const certificate = readCertificate(publicKey('told-cert'));
    const start = Date.UTC(2026, 0, 1);
    expect(certificate.publicKey).toEqual(publicKey('three'));
    expect(describeCertificate(certificate, start)).toBe('"id of told" for a, b, c and 2 more, good for 10 h');
    expect(untimely(certificate, start - 59_000)).toBeUndefined();
    expect(untimely(certificate, start - 61_000)).toBe('it is not valid before 2026-01-01T00:00:00Z');
    expect(untimely(certificate, start + 10 * 3_600_000 - 1)).toBeUndefined();
    expect(untimely(certificate, start + 10 * 3_600_000)).toBe('it expired 0 s ago; have it renewed');
  });
});
