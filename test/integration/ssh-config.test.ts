import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { endpointOfAddress, endpointOfVm } from '../../src/transport/endpoint.ts';
import { type HostOptions, hostOptions, sentVariables } from '../../src/transport/ssh-config/host-options.ts';
import { readSshConfig } from '../../src/transport/ssh-config/ssh-config.ts';
import type { Keyword } from '../../src/transport/ssh-config/ssh-keywords.ts';
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
  'sendenv',
  'setenv',
];

/** What ssh says, by keyword; every line of those that add up. Undefined where it refuses the file. */
function bySsh(text: string, host: string): ReadonlyMap<string, string> | undefined {
  writeFileSync(config, text);
  const said = new Map<string, string>();
  const { status, stdout: output } = spawnSync('ssh', ['-T', '-G', '-F', config, host], {
    encoding: 'utf8',
    env: { ...process.env, HOME: home },
  });
  if (status !== 0) return undefined;
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
  return hostOptions(read, {
    names: [host],
    case: 'exact',
    address: host,
    user: undefined,
    localUser: userInfo().username,
  });
}

const SAME: Readonly<Record<string, string>> = { yes: 'true', no: 'false', off: 'false', true: 'true', false: 'false' };
const plain = (value: string | undefined) => (value === undefined ? undefined : (SAME[value] ?? value));

/** What ssh says of a host of which nothing is said. */
const defaults = new Map<string, ReturnType<typeof bySsh>>();

async function differences(text: string, host: string): Promise<readonly string[]> {
  const ssh = bySsh(text, host);
  const nothing = defaults.get(host) ?? bySsh('', host);
  defaults.set(host, nothing);
  const ours = await byAzlin(text, host).catch(() => undefined);
  if (!ssh || !ours) return !ssh === !ours ? [] : [`${ours ? 'azlin' : 'ssh'} takes what the other one refuses`];
  return COMPARED.flatMap((keyword) => {
    const words = ours.words(keyword);
    const sent = keyword === 'sendenv' && words ? sentVariables(words) : words;
    const joined = sent?.length === 0 ? undefined : sent?.join(' ');
    const said = keyword === 'hostname' ? joined?.replace('%h', host).replaceAll('%%', '%') : joined;
    // ssh prints no jump host at all for this one.
    const mine = keyword === 'proxyjump' && said === 'none' ? undefined : said;
    const theirs = ssh.get(keyword);
    const seconds = ['connecttimeout', 'serveraliveinterval'].includes(keyword);
    if (seconds && ours.time(keyword) !== undefined)
      return ours.time(keyword) === Number(theirs) * 1_000 ? [] : [`${keyword}: ${mine}`];
    if (mine === undefined) return theirs === nothing?.get(keyword) ? [] : [`${keyword}: nothing, ssh says ${theirs}`];
    if (keyword === 'hostkeyalias') return mine.toLowerCase() === theirs ? [] : [`${keyword}: ${mine}`];
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
    ['a hash in a word', 'User a#b\nHost node-001#b web\n  Port 2222 # said twice\n', 'web'],
    ['single quotes', "User 'bob'\nIdentityFile '/with space/key two'\n", 'web'],
    ['quotes in the middle', 'User "a"b#c\n', 'web'],
    ['a domain', 'User CORP\\bob\n', 'web'],
    ['a domain, escaped', 'User CORP\\\\bob\n', 'web'],
    ['an escaped blank', 'IdentityFile /key\\ three\n', 'web'],
    ['a quote that is not closed', "User 'bob\n", 'web'],
    ['two values for one', 'User bob alice\n', 'web'],
    ['no value', 'User\n', 'web'],
    ['an empty value', 'User ""\n', 'web'],
    ['a zone', 'HostName fe80::1%%lo\n', 'web'],
    ['variables taken out again', 'SendEnv LANG LC_* A\nSendEnv -LC_* B\nSendEnv -a\n', 'web'],
    ['variables set', `SetEnv A=1 "B=two words" C='x y'\nSetEnv D=4\n`, 'web'],
    ['Match with an equals sign and a comment', 'Match host=web # not db\n User alice\n', 'web'],
    ['quoted patterns', 'Host "we*" db\n User alice\n', 'web'],
    ['another case', 'Host WEB\n User alice\n', 'web'],
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

  test.each([
    '[0-9]*.conf',
    '*.conf',
    '?.conf',
    '[!0-9]*.conf',
    '.*.conf',
    'B.conf',
    '[a-c]*',
    '\\[0-9\\]',
    'no*',
    '{a,b}.conf',
    '[[:upper:]]*',
    '*[',
    '@(a).conf',
  ])('Include %s finds what glob(7) finds, in its order', async (pattern) => {
    const folder = join(home, 'glob');
    if (!existsSync(folder)) {
      mkdirSync(folder);
      for (const name of [
        '10.conf',
        '9.conf',
        'a.conf',
        'B.conf',
        'éé.conf',
        '.hidden.conf',
        '[0-9]',
        'c',
        '~.conf',
        'x[',
        'X.CONF',
      ])
        writeFileSync(join(folder, name), `IdentityFile /${name}\n`);
    }
    expect(await differences(`Include ${folder}/${pattern}\n`, 'web')).toEqual([]);
  });

  test('what others can write, or own, is refused as ssh refuses it', async () => {
    const usual = join(home, '.ssh', 'config');
    const other = join(home, 'other.conf');
    const isRoot = process.getuid?.() === 0;
    // Not even root's ssh looks for the home directory anywhere but in passwd.
    const bySshAtHome = () =>
      spawnSync('unshare', ['-m', 'sh', '-c', 'mount --bind "$1" "$2" && exec ssh -T -G web', 'sh', home, homedir()])
        .status;
    for (const path of [usual, other])
      for (const [mode, owner, why] of [
        [0o600, 0, undefined],
        [0o620, 0, undefined],
        [0o646, 0, /others can write to it/],
        [0o600, 54_322, /it belongs to another user/],
      ] as const) {
        writeFileSync(usual, `Include ${other}\n`);
        writeFileSync(other, 'User alice\n');
        chmodSync(path, mode);
        if (isRoot) chownSync(path, owner, 0);
        else if (owner !== 0) continue;
        const read = await readSshConfig({ named: undefined, home }).catch((error: Error) => error.message);
        if (why === undefined) expect(read).toMatchObject({ files: expect.arrayContaining([usual, other]) });
        else expect(read).toMatch(why);
        if (isRoot) expect(bySshAtHome()).toBe(why === undefined ? 0 : 255);
        // A file that the user names is read as it is, but what it includes is not.
        expect(await differences(`Include ${other}\n`, 'web')).toEqual([]);
        rmSync(path);
      }
    rmSync(usual);
  });

  test('tokens of ProxyCommand are those of ssh', async () => {
    const text =
      'Host web\n HostName 10.0.0.7\n Port 2201\n User alice\nHost named\n HostKeyAlias Alias\nHost zone\n HostName fe80::1%%lo\n';
    for (const host of ['web', 'named', 'zone', 'else']) {
      writeFileSync(config, text);
      const args = [
        '-F',
        config,
        '-o',
        `ProxyCommand=echo "%n %h %p %r %k" | tee ${home}/tokens >/dev/null`,
        '-l',
        'me',
        host,
      ];
      spawnSync('ssh', args, { env: { ...process.env, HOME: home } });
      const command = `${text}Host *\n ProxyCommand echo "%n %h %p %r %k"\n`;
      writeFileSync(config, command);
      const { route } = endpointOfAddress(host, {
        sshConfig: await readSshConfig({ named: config, home }),
        flagUser: 'me',
      });
      expect(route).toEqual({
        kind: 'command',
        command: `echo "${readFileSync(join(home, 'tokens'), 'utf8').trim()}"`,
      });
    }
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
    const pattern = fc.constantFrom(
      'web',
      'WEB',
      'db',
      'web*',
      '?eb',
      '*',
      '!web',
      '!d?',
      'other',
      '"web"',
      "'d'b",
      'w#b',
      'web#b',
    );
    // A word of a name, of blanks, quotes and escapes of every kind.
    const word = fc
      .array(fc.constantFrom('a', 'b', '7', '#', "'", '"', '\\', ' ', '\t', '=', 'CORP', '.', ','), {
        minLength: 1,
        maxLength: 7,
      })
      .map((parts) => parts.join(''));
    const between = fc.constantFrom(' ', '\t', '  ', '=', ' = ', ' =');
    const setting = fc.oneof(
      fc.constantFrom(
        'User alice',
        'User bob',
        'Port 2201',
        'Port=2202',
        'HostName 10.0.0.1',
        'HostName %h.example.com',
        'HostName fe80::1%%lo',
        'IdentityFile /k1',
        "IdentityFile '/key two'",
        'IdentityFile /key\\ three',
        'ProxyJump a',
        'ProxyJump none',
        'ProxyCommand nc a b',
        'ConnectTimeout 5',
        'IdentitiesOnly yes',
        'SendEnv A B_*',
        'SendEnv C',
        'SendEnv -B*',
        'SendEnv -? A',
        'SetEnv A=1 "B=two words"',
        '# User nobody',
        '',
      ),
      fc
        .tuple(
          fc.constantFrom('User', '"User"', 'IdentityFile', 'HostKeyAlias', 'IdentityAgent', 'ProxyCommand'),
          between,
          word,
        )
        .map((parts) => parts.join(''))
        // ssh takes no command at all for one.
        .filter((one) => !/^ProxyCommand[\s=]*$/.test(one)),
    );
    const condition = fc.oneof(
      fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns) => `Host ${patterns.join(' ')}`),
      pattern.filter((one) => !/[!'#]/.test(one)).map((one) => `Match host ${one}`),
      fc.constantFrom('alice', 'bob', '!alice,*').map((one) => `Match user ${one}`),
      fc.constantFrom('web', 'db', 'we?').map((one) => `Match !originalhost=${one} # only`),
      fc.constant('Match all'),
    );
    const ending = fc.constantFrom('', '', '', ' ', '\r', ' # x', '\t#', '\f');
    // To ssh, `none` with a comment is a host.
    const line = fc.tuple(setting, ending).map(([set, end]) => (/ none$/.test(set) ? set : set + end));
    const block = fc.tuple(condition, fc.array(line, { maxLength: 4 }));
    const file = fc
      .tuple(fc.array(line, { maxLength: 3 }), fc.array(block, { maxLength: 5 }))
      .map(([first, blocks]) =>
        [...first, ...blocks.flatMap(([head, body]) => [head, ...body.map((one) => `  ${one}`)])].join('\n'),
      );
    await fc.assert(
      fc.asyncProperty(file, fc.constantFrom('web', 'db', 'w#b'), async (text, host) => {
        expect(await differences(text, host)).toEqual([]);
      }),
      { numRuns: 1_000, seed: 4 },
    );
  }, 300_000);
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
        /Cannot pass .* to the shell of ProxyCommand|Invalid user name for "web"/,
      );
    },
  );
});
