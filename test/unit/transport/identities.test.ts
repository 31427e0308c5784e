import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type IdentitySettings, identities } from '../../../src/transport/identities.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync('/tmp/azlin-keys-');
  mkdirSync(join(home, '.ssh'));
});
afterEach(() => rmSync(home, { recursive: true }));

const write = (name: string, content: string) => {
  writeFileSync(join(home, '.ssh', name), content);
  return join(home, '.ssh', name);
};

/** A key file holds `key`, `locked` (its passphrase is "right") or something else. */
function settings(fields: Partial<IdentitySettings<string>> = {}): IdentitySettings<string> {
  return {
    files: [],
    agentSocket: undefined,
    home,
    parse: (data, passphrase) => {
      const text = data.toString();
      if (text === 'locked')
        return passphrase === undefined
          ? 'encrypted'
          : passphrase === 'right'
            ? 'unlocked'
            : new Error('bad passphrase');
      return text === 'key' ? 'key' : new Error('it is no key');
    },
    askPassphrase: undefined,
    ...fields,
  };
}

async function namesOf(given: IdentitySettings<string>) {
  const known = identities(given);
  const names: string[] = [];
  for await (const { name } of known.offer()) names.push(name.replace(`${home}/.ssh/`, ''));
  return { names, skipped: known.skipped() };
}

describe('identities', () => {
  test('the agent, then the default files, those without a passphrase first', async () => {
    write('id_ed25519', 'locked');
    write('id_rsa', 'key');
    const asked: string[] = [];
    const askPassphrase = async (question: string) => {
      asked.push(question);
      return 'right';
    };
    expect((await namesOf(settings({ agentSocket: '/agent', askPassphrase }))).names).toEqual([
      'the SSH agent',
      'id_rsa',
      'id_ed25519',
    ]);
    expect(asked).toHaveLength(1);
  });

  test('named files first and no default ones; an encrypted one after the agent', async () => {
    write('id_rsa', 'key');
    const files = [write('locked', 'locked'), write('work', 'key')];
    const given = settings({ files, agentSocket: '/agent', askPassphrase: async () => 'right' });
    expect((await namesOf(given)).names).toEqual(['work', 'the SSH agent', 'locked']);
  });

  test('a passphrase is asked for once a run, and three times at most', async () => {
    const files = [write('locked', 'locked')];
    let asked = 0;
    const known = identities(
      settings({
        files,
        askPassphrase: async () => {
          asked++;
          return 'wrong';
        },
      }),
    );
    for (let round = 0; round < 3; round++) expect((await known.offer().next()).done).toBe(true);
    expect(asked).toBe(3);
    expect(known.skipped()).toEqual([`${files[0]}: bad passphrase`]);
  });

  test('what cannot be used is told, or refused when it was named', async () => {
    write('id_rsa', 'rubbish');
    write('id_ed25519', 'locked');
    const { names, skipped } = await namesOf(settings());
    expect({ names, skipped: skipped.join() }).toEqual({
      names: [],
      skipped: expect.stringMatching(/it is no key.*no terminal to ask/),
    });
    await expect(namesOf(settings({ files: ['/nonexistent'] }))).rejects.toMatchObject({ code: 'config' });
    await expect(namesOf(settings({ files: [join(home, '.ssh', 'id_rsa')] }))).rejects.toMatchObject({
      code: 'config',
    });
  });
});
