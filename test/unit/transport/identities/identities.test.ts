import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { typeOfKey } from '../../../../src/transport/host-keys/public-key.ts';
import type { Agent, AgentKey } from '../../../../src/transport/identities/agent.ts';
import { type IdentitySettings, identities } from '../../../../src/transport/identities/identities.ts';
import type { IdentityFile } from '../../../../src/transport/ssh-config/ssh-options.ts';
import { parsePrivateKey } from '../../../../src/transport/ssh2/ssh2-keys.ts';
import { aCaller } from '../../../support/caller.ts';

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
  ...fields,
});

async function offered(options: {
  names?: readonly string[];
  agent?: Agent;
  only?: boolean;
  source?: IdentityFile['source'];
}) {
  const known = identities(settings(options.agent ? { agentAt: () => options.agent as Agent } : {}));
  const wanted = {
    identityFiles: files(options.names ?? [], options.source),
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
      known.offersFor({ identityFiles: files(names), identitiesOnly: false, agent: undefined }, caller);
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
    const wanted = { identityFiles: files(['locked']), identitiesOnly: false, agent: undefined };
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

  test('a certificate beside a key is told', async () => {
    execFileSync('ssh-keygen', ['-q', '-s', at('two'), '-I', 'me', '-n', 'me', `${at('one')}.pub`]);
    try {
      const { names, notes } = await offered({ names: ['one'] });
      expect({ names, notes: notes.join() }).toEqual({
        names: ['one'],
        notes: expect.stringMatching(/^one-cert\.pub: it is a certificate/),
      });
    } finally {
      rmSync(at('one-cert.pub'));
    }
  });

  test('named to azlin, it is an error; named in ssh_config or usual, it is passed over', async () => {
    for (const name of ['nowhere', 'rubbish'])
      await expect(offered({ names: [name], source: 'azlin' })).rejects.toMatchObject({ code: 'config' });
    expect((await offered({ names: ['nowhere'] })).names).toEqual([]);
  });

  test('what an agent holds and azlin cannot use', async () => {
    const sk = { key: Buffer.from('x'), type: 'sk-ssh-ed25519@openssh.com', comment: 'token\u001b[2J' };
    const { names, notes } = await offered({ agent: agentWith(['one'], [sk]) });
    expect({ names, notes }).toEqual({
      names: ['the SSH agent\'s "one"'],
      notes: [expect.stringMatching(/^the SSH agent's "token": it needs a hardware token/)],
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
    const options = { identityFiles: [], identitiesOnly: false, agent: '/agent' };
    expect((await known.offersFor(options, aCaller())).notes).toEqual(['the SSH agent: no agent listens there']);
    expect((await known.offersFor(options, aCaller())).notes).toEqual(['the SSH agent: no agent listens there']);
    expect(asked).toBe(1);
  });
});
