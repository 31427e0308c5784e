import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { endpointOfAddress, endpointOfVm } from '../../src/transport/endpoint.ts';
import { type HostOptions, hostOptions, type Keyword } from '../../src/transport/host-options.ts';
import { readSshConfig } from '../../src/transport/ssh-config.ts';
import { aVm } from '../support/vm.ts';

/*
 * What ssh itself makes of a file (`ssh -G`) against what azlin makes of it.
 */

let home = '';
let config = '';
beforeAll(() => {
  home = mkdtempSync('/tmp/azlin-sshconfig-');
  mkdirSync(join(home, '.ssh', 'conf.d'), { recursive: true });
  config = join(home, 'config');
});
afterAll(() => rmSync(home, { recursive: true }));

const COMPARED: readonly Keyword[] = [
  'hostname',
  'user',
  'port',
  'identityfile',
  'identitiesonly',
  'identityagent',
  'proxyjump',
  'proxycommand',
  'serveraliveinterval',
  'serveralivecountmax',
  'connecttimeout',
  'stricthostkeychecking',
  'userknownhostsfile',
  'hostkeyalias',
  'forwardagent',
  'addressfamily',
];

/** What ssh says, by keyword; every line of those that add up. */
function bySsh(text: string, host: string): ReadonlyMap<string, string> {
  writeFileSync(config, text);
  const said = new Map<string, string>();
  const output = execFileSync('ssh', ['-T', '-G', '-F', config, host], {
    encoding: 'utf8',
    env: { ...process.env, HOME: home },
  });
  for (const line of output.split('\n')) {
    const at = line.indexOf(' ');
    const [keyword, value] = [line.slice(0, at), line.slice(at + 1)];
    said.set(keyword, said.has(keyword) ? `${said.get(keyword)} ${value}` : value);
  }
  return said;
}

async function byAzlin(text: string, host: string): Promise<HostOptions> {
  writeFileSync(config, text);
  const read = await readSshConfig({ named: config, home });
  return hostOptions(read, { names: [host], address: host, user: undefined, localUser: userInfo().username });
}

const SAME: Readonly<Record<string, string>> = { yes: 'true', no: 'false', off: 'false', true: 'true', false: 'false' };
const plain = (value: string | undefined) => (value === undefined ? undefined : (SAME[value] ?? value));

async function differences(text: string, host: string): Promise<readonly string[]> {
  const ssh = bySsh(text, host);
  const nothing = bySsh('', host);
  const ours = await byAzlin(text, host);
  return COMPARED.flatMap((keyword) => {
    const said = ours.words(keyword)?.join(' ').replace('%h', host);
    // ssh prints no jump host at all for this one.
    const mine = keyword === 'proxyjump' && said === 'none' ? undefined : said;
    const theirs = ssh.get(keyword);
    const seconds = ['connecttimeout', 'serveraliveinterval'].includes(keyword);
    if (seconds && ours.time(keyword) !== undefined)
      return ours.time(keyword) === Number(theirs) * 1_000 ? [] : [`${keyword}: ${mine}`];
    if (mine === undefined) return theirs === nothing.get(keyword) ? [] : [`${keyword}: nothing, ssh says ${theirs}`];
    return plain(mine) === plain(theirs) ? [] : [`${keyword}: ${mine}, ssh says ${theirs}`];
  });
}

describe('read as ssh reads it', () => {
  test.each<[string, string, string]>([
    ['what comes first counts', 'User first\nHost web*\n  User second\n  Port 2201\nHost *\n  Port 1\n', 'web-1'],
    ['files add up', 'IdentityFile ~/a\nHost web\n IdentityFile "~/my keys/b"\n IdentityFile ~/c\n', 'web'],
    ['negated patterns', 'Host web* !web-2\n User alice\nHost *\n User bob\n', 'web-2'],
    ['any case, tabs and equals signs', 'HOST web\n\thostName=10.0.0.1\n\tPORT = 2222\n  identitiesonly\tyes\n', 'web'],
    [
      'a command with quotes of its own',
      `Host web\n ProxyCommand bash -c 'exec nc "$0" "$1"' %% "a  b"   # not a comment\n`,
      'web',
    ],
    ['jump before command', 'Host web\n ProxyJump a,b@c:22\n ProxyCommand none\n', 'web'],
    ['command before jump', 'Host web\n ProxyCommand nc 10.0.0.1 22\n ProxyJump a\n', 'web'],
    ['no jump', 'Host web\n ProxyJump none\nHost *\n ProxyJump bastion\n', 'web'],
    [
      'Match host and originalhost',
      'Host web\n HostName 10.0.0.7\nMatch host 10.0.* originalhost web\n User alice\n',
      'web',
    ],
    ['Match with a negation', 'Match !host db*\n User alice\n', 'web'],
    ['Match all', 'Host other\n User nobody\nMatch all\n User alice\n', 'web'],
    ['Match user', 'Host web\n User alice\nMatch user bob,alice\n Port 2200\n', 'web'],
    ['Match localuser', `Match localuser ${userInfo().username}\n Port 2200\n`, 'web'],
    ['known hosts', 'UserKnownHostsFile /a /b\nHostKeyAlias me\nStrictHostKeyChecking accept-new\n', 'web'],
    ['agents', 'IdentityAgent "/with space/agent.sock"\nForwardAgent yes\n', 'web'],
    ['times', 'ServerAliveInterval 7\nServerAliveCountMax 2\nConnectTimeout 3\nAddressFamily inet\n', 'web'],
    ['times with units', 'ConnectTimeout 1m30s\nServerAliveInterval 2m\n', 'web'],
    ['a user with an at sign', 'ProxyJump alice@corp@bastion\n', 'web'],
    ['carriage returns', 'Host web\r\n  User alice\r\n  Port 2222\r\n', 'web'],
  ])('%s', async (_name, text, host) => {
    expect(await differences(text, host)).toEqual([]);
  });

  test('includes: relative, with wildcards, inside a Host', async () => {
    writeFileSync(join(home, '.ssh', 'conf.d', 'a.conf'), 'Host web\n User alice\n');
    writeFileSync(join(home, '.ssh', 'conf.d', 'b.conf'), 'Port 2202\n');
    // ssh looks for relative includes in the home of the passwd file, not in HOME.
    const include = `Host web\n Include ${home}/.ssh/conf.d/*.conf\n IdentitiesOnly yes\nHost db\n Include ${home}/.ssh/conf.d/b.conf\n`;
    for (const host of ['web', 'db', 'else']) expect(await differences(include, host)).toEqual([]);
    writeFileSync(config, 'Include conf.d/*.conf missing\n');
    const { files } = await readSshConfig({ named: config, home });
    expect(files).toEqual([config, join(home, '.ssh/conf.d/a.conf'), join(home, '.ssh/conf.d/b.conf')]);
  });

  test('folders among the included ones, times that are none, tokens for names of files', async () => {
    mkdirSync(join(home, '.ssh', 'more', 'folder'), { recursive: true });
    writeFileSync(config, 'Include more/*\nConnectTimeout none\nUserKnownHostsFile ~/%C ~/%j\nProxyJump b\n');
    const sshConfig = await readSshConfig({ named: config, home });
    const { ssh } = endpointOfAddress('10.0.0.4', { sshConfig });
    expect([ssh.connectTimeout, ssh.knownHostsFiles.slice(0, 2)]).toEqual([
      10_000,
      [expect.stringMatching(/\/[0-9a-f]{40}$/), '//b'],
    ]);
  });

  test("a ProxyCommand without a command is a mistake, not the next host's", async () => {
    writeFileSync(config, 'Host a\n ProxyCommand \nHost b\n ProxyCommand nc x 1\n');
    await expect(readSshConfig({ named: config, home })).rejects.toMatchObject({ code: 'config' });
  });

  test('files that include each other end', async () => {
    writeFileSync(config, `Include ${config}\n`);
    await expect(readSshConfig({ named: config, home })).rejects.toThrow('too many files include each other');
  });

  test('whatever it says', async () => {
    const pattern = fc.constantFrom('web', 'db', 'web*', '?eb', '*', '!web', '!d?', 'other', 'WEB');
    const setting = fc.constantFrom(
      'User alice',
      'User bob',
      'Port 2201',
      'Port 2202',
      'HostName 10.0.0.1',
      'HostName %h.example.com',
      'IdentityFile /k1',
      'IdentityFile /k2',
      'ProxyJump a',
      'ProxyJump none',
      'ProxyCommand nc a b',
      'ConnectTimeout 5',
      'IdentitiesOnly yes',
    );
    const condition = fc.oneof(
      fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns) => `Host ${patterns.join(' ')}`),
      pattern.filter((one) => !one.startsWith('!')).map((one) => `Match host ${one}`),
      fc.constantFrom('alice', 'bob', '!alice,*').map((one) => `Match user ${one}`),
      pattern.map((one) => `Match !originalhost ${one.replace('!', '')}`),
      fc.constant('Match all'),
    );
    const block = fc.tuple(condition, fc.array(setting, { maxLength: 4 }));
    const file = fc
      .tuple(fc.array(setting, { maxLength: 3 }), fc.array(block, { maxLength: 5 }))
      .map(([first, blocks]) =>
        [...first, ...blocks.flatMap(([head, body]) => [head, ...body.map((line) => `  ${line}`)])].join('\n'),
      );
    await fc.assert(
      fc.asyncProperty(file, fc.constantFrom('web', 'db'), async (text, host) => {
        expect(await differences(text, host)).toEqual([]);
      }),
      { numRuns: 150, seed: 4 },
    );
  }, 60_000);
});

describe('for VMs', () => {
  const around = {
    home: '/home/me',
    environment: { SSH_AUTH_SOCK: '/agent', LANG: 'de_DE.UTF-8', LC_TIME: 'C', SECRET: 'x' },
    user: 'me',
    hostname: 'laptop.example',
    uid: 1000,
  };
  const choice = async (text: string) => {
    writeFileSync(config, text);
    return { sshConfig: await readSshConfig({ named: config, home }), surroundings: around };
  };
  const vm = aVm('web', { resourceGroup: 'rg-1', publicIp: '20.1.2.3', adminUser: 'admin' });

  test.each(['web', 'WEB', 'rg-1/web', 'rg-1/*', '20.1.*'])('Host %s', async (pattern) => {
    expect(endpointOfVm(vm, await choice(`Host ${pattern}\n User alice\n`)).user).toBe('alice');
  });

  test('tag over settings of azlin over SSH settings over what Azure says', async () => {
    const settings = await choice('Host web\n HostName web.internal\n User alice\n Port 2201\n');
    expect(endpointOfVm(vm, settings)).toMatchObject({
      address: 'web.internal',
      user: 'alice',
      port: 2201,
      hostKeyAlias: vm.vmId,
      knownAs: '[web.internal]:2201',
    });
    expect(endpointOfVm(vm, { ...settings, settingsUser: 'set', settingsPort: 22 })).toMatchObject({
      user: 'set',
      port: 22,
    });
    const tags = { 'azlin-ssh-host': '10.0.0.9', 'azlin-ssh-user': 'tagged', 'azlin-ssh-port': '23' };
    expect(endpointOfVm({ ...vm, tags }, settings)).toMatchObject({ address: '10.0.0.9', user: 'tagged', port: 23 });
  });

  test('a HostName that only repeats the name leaves the address alone', async () => {
    expect(endpointOfVm(vm, await choice('Host *\n HostName %h\n')).address).toBe('20.1.2.3');
    expect(endpointOfVm(vm, await choice('Host *\n HostName %h.corp\n')).address).toBe('web.corp');
  });

  test('paths and tokens', async () => {
    const { ssh, route } = endpointOfVm(
      vm,
      await choice(
        'IdentityFile ~/.ssh/%r@%h\nIdentityFile ${HOME_OF}/k\nIdentityAgent /run/user/%i/a\nProxyCommand nc -X %n %h %p\n',
      ).then((one) => ({
        ...one,
        surroundings: { ...around, environment: { HOME_OF: '/h' } },
      })),
    );
    expect(ssh.identityFiles.map(({ path }) => path)).toEqual(['/home/me/.ssh/admin@20.1.2.3', '/h/k']);
    expect([ssh.agent, route]).toEqual(['/run/user/1000/a', { kind: 'command', command: 'nc -X web 20.1.2.3 22' }]);
  });

  test.each(['IdentityAgent none', 'IdentityAgent SSH_AUTH_SOCK', 'IdentityAgent $OTHER', 'IdentityAgent ~/a.sock'])(
    '%s',
    async (text) => {
      const settings = {
        ...(await choice(text)),
        surroundings: { ...around, environment: { ...around.environment, OTHER: '/other' } },
      };
      const agents: Record<string, string | undefined> = {
        none: undefined,
        SSH_AUTH_SOCK: '/agent',
        $OTHER: '/other',
        '~/a.sock': '/home/me/a.sock',
      };
      expect(endpointOfVm(vm, settings).ssh.agent).toBe(agents[text.split(' ')[1] ?? '']);
    },
  );

  test('a key that is named to azlin and in the SSH settings is one key', async () => {
    const settings = { ...(await choice('IdentityFile /k\nIdentityFile /other\n')), identities: ['/k'] };
    expect(endpointOfVm(vm, settings).ssh.identityFiles.map(({ path }) => path)).toEqual(['/k', '/other']);
  });

  test('environment: the locale, what SendEnv names and SetEnv sets', async () => {
    expect(endpointOfVm(vm, await choice('')).ssh.environment).toEqual({ LANG: 'de_DE.UTF-8', LC_TIME: 'C' });
    const said = await choice('SendEnv SEC*\nSetEnv A=1 "B=two words" LANG=C\n');
    expect(endpointOfVm(vm, said).ssh.environment).toEqual({
      LANG: 'C',
      LC_TIME: 'C',
      SECRET: 'x',
      A: '1',
      B: 'two words',
    });
  });

  test.each([
    ['StrictHostKeyChecking yes', 'strict'],
    ['StrictHostKeyChecking ask', 'ask'],
    ['StrictHostKeyChecking accept-new', 'accept-new'],
    ['StrictHostKeyChecking no', 'accept-new'],
    ['', 'accept-new'],
  ])('"%s" is %s', async (text, policy) => {
    expect(endpointOfVm(vm, await choice(text)).ssh.hostKeys).toBe(policy);
    expect(endpointOfVm(vm, { ...(await choice(text)), hostKeys: 'strict' }).ssh.hostKeys).toBe('strict');
  });

  test('what has no effect is named', async () => {
    const { notes } = endpointOfVm(
      vm,
      await choice(
        'Ciphers aes128-ctr\nMatch exec "true"\n User x\nHost other\n Tunnel yes\nHost *\n PasswordAuthentication no\n StrictHostKeyChecking off\n',
      ),
    );
    expect(notes.join('\n').replaceAll(config, 'config')).toBe(
      'ssh_config: Ciphers (config) is not supported by azlin and has no effect\nssh_config: Match exec (config) is not supported by azlin and has no effect\nssh_config: StrictHostKeyChecking no: azlin keeps new keys, and still refuses changed ones',
    );
  });

  test.each([
    'Port 0',
    'Port x',
    'ConnectTimeout soon',
    'IdentitiesOnly perhaps',
    'StrictHostKeyChecking perhaps',
    'AddressFamily inet7',
    'HostKeyAlias *',
    'HostName a b',
    'IdentityFile ~/%Z',
    'IdentityFile ${NOT_SET}/k',
    'ProxyJump -oProxyCommand=x',
    'ProxyJump a:99999',
  ])('"%s" is a mistake that is named', async (text) => {
    const settings = await choice(text);
    expect(() => endpointOfVm(vm, settings)).toThrow(expect.objectContaining({ code: 'config' }));
    expect(() => endpointOfAddress('10.0.0.4', settings)).toThrow(expect.objectContaining({ code: 'config' }));
  });

  test.each(['$(reboot)', '-oProxyCommand=x', "a'b", 'a;b'])(
    'the user %s of a tag never reaches a shell',
    async (user) => {
      const settings = await choice('ProxyCommand nc %r@%h %p\n');
      const tagged = { ...vm, tags: { 'azlin-ssh-user': user } };
      expect(() => endpointOfVm(tagged, settings)).toThrow(
        /Cannot give .* to the shell of ProxyCommand|The user name for "web" is none/,
      );
    },
  );
});
