import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { generate } from 'selfsigned';
import { forbidden } from '../../src/demo/arm-faults.ts';
import { DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { endDaemons } from '../support/daemons.ts';
import { azlin, CLI, type Finished, startFleet } from '../support/fleet.ts';
import { freshHome, GIVES_TOKEN, withAz } from '../support/fresh-home.ts';
import { openTerminal } from '../support/terminal.ts';

/*
 * Signing in with Entra ID: real servers that know no key but that of an authority, a token endpoint that certifies keys with it, and an `az` that does.
 */

const SECRET = 'a secret that nobody may see';
const FEDERATED = 'header.claims-of-github.signature';
const USER = userInfo().username;
/** Applications by what is odd about them. */
const [APP, CAPITALS, STRANGER, EXPIRED, EARLY] = [1, 2, 3, 4, 5].map(
  (number) => `aaaaaaaa-0000-4000-8000-00000000000${number}`,
) as [string, string, string, string, string];

const LOGIN = { identity: true, extension: 'Succeeded', role: true };
let fleet: DemoFleet;
beforeAll(async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'app' }], { keySize: 2048 });
  const app = { clientId: APP, secret: SECRET, certificate: cert, federatedToken: FEDERATED };
  fleet = await startFleet(
    [
      { name: 'plain', sessions: ['dev'] },
      { name: 'entra', sessions: ['dev'], entra: LOGIN },
      { name: 'other', sessions: ['dev'], entra: LOGIN },
      { name: 'norole', sessions: ['dev'], entra: { ...LOGIN, role: false } },
      { name: 'noextension', sessions: ['dev'], entra: { ...LOGIN, extension: undefined } },
      { name: 'noidentity', sessions: ['dev'], entra: { ...LOGIN, identity: false } },
      { name: 'broken', sessions: ['dev'], entra: { ...LOGIN, extension: 'Failed' } },
    ],
    {
      principals: [
        app,
        { clientId: CAPITALS, secret: SECRET, users: [USER.toUpperCase(), USER] },
        { clientId: STRANGER, secret: SECRET, users: ['somebody@example.com'] },
        { clientId: EXPIRED, secret: SECRET, validity: '-2h:-1h' },
        { clientId: EARLY, secret: SECRET, validity: '+1h:+2h' },
      ],
    },
  );
  writeFileSync(join(fleet.directory, 'app.pem'), `${key}\n${cert}`);
  writeFileSync(join(fleet.directory, 'token'), `${FEDERATED}\n`);
}, 60_000);
afterEach(() => fleet.resourceManager.faults.clear());
afterAll(() => {
  endDaemons(fleet.directory);
  fleet.close();
});

type Environment = Readonly<Record<string, string>>;
const run = (args: readonly string[], environment: Environment = {}) => azlin(fleet, args, { environment });
/** An application in the environment. */
const as = (clientId: string, more: Environment = { AZURE_CLIENT_SECRET: SECRET }): Environment => ({
  AZURE_AUTHORITY_HOST: new URL(fleet.resourceManager.url).origin,
  AZURE_TENANT_ID: 'adfs',
  AZURE_CLIENT_ID: clientId,
  ...more,
});
/** The demo's az, which writes down how it was called. */
function loggedAz(before = ''): { readonly environment: Environment; calls(): readonly string[] } {
  const log = join(mkdtempSync(join(fleet.directory, 'az-')), 'log');
  const script = `echo "$*" >>'${log}'\n${before}\nexec '${fleet.directory}/bin/az' "$@"`;
  const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  return { environment: withAz(fleet, script), calls: () => calls().filter((line) => line.startsWith('ssh cert')) };
}
/** The words of a call that knows the VM by its address only, so that Azure is not asked for the inventory. */
function byAddress(name: string, command = 'true'): readonly string[] {
  const { address, port } = fleet.machines.get(name) as Machine;
  return ['exec', '--entra', '--port', `${port}`, `${address}:dev`, command];
}
const CERTIFIED = `signed in with the Entra ID certificate ("demo" for ${USER}, good for `;

describe('auto', () => {
  test('asks for a certificate where the keys are refused, and the next time at once', async () => {
    const home = freshHome(fleet);
    const first = await run(['exec', '-v', 'entra:dev', 'echo in'], home);
    expect(first).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    expect(first.stderr).toContain(`entra: offering ${fleet.identity}`);
    expect(first.stderr).toContain(`entra: ${CERTIFIED}`);
    const again = await run(['exec', '-v', 'entra:dev', 'echo in'], home);
    expect(again).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    expect(again.stderr).toContain(`entra: ${CERTIFIED}`);
    expect(again.stderr).not.toContain(fleet.identity);
    expect(await run(['exec', 'entra:dev', 'echo in'], home)).toMatchObject({ stdout: 'in\n', stderr: '' });
  });

  test('does not where the keys are accepted, nor where another user is named, nor with never', async () => {
    const { environment, calls } = loggedAz();
    expect(await run(['exec', 'plain:dev', 'echo in'], environment)).toMatchObject({ stdout: 'in\n' });
    for (const [words, more] of [
      [['--user', USER, 'entra:dev'], {}],
      [[`${USER}@entra:dev`], {}],
      [['entra:dev'], { AZLIN_ENTRA: 'never' }],
      [['noidentity:dev'], {}],
    ] as const) {
      const { exitCode, stderr } = await run(['exec', ...words, 'echo in'], { ...environment, ...more });
      expect({ words, exitCode, stderr }).toMatchObject({
        exitCode: 255,
        stderr: expect.stringContaining('Cannot sign in'),
      });
    }
    expect(calls()).toEqual([]);
  });

  test('does not where the settings name a user, and says so', async () => {
    const { environment, calls } = loggedAz();
    const { stderr } = await run(['exec', 'entra:dev', 'true'], { ...environment, AZLIN_SSH_USER: USER });
    expect(stderr).toMatch(
      /\n {2}not tried: Entra ID: the settings name the user "\S+" \(--entra signs in as you@azlin\.demo\)\nhint: name the private key/,
    );
    expect(calls()).toEqual([]);
  });

  test('goes back to the keys where the VM takes them again', async () => {
    const home = freshHome(fleet);
    const keys = join(fleet.directory, 'other', 'authorized_keys');
    expect((await run(['exec', 'other:dev', 'echo in'], home)).stdout).toBe('in\n');
    writeFileSync(keys, readFileSync(`${fleet.identity}.pub`));
    try {
      const missing = withAz(fleet, `[ "$1" = ssh ] && { echo gone >&2; exit 1; }\n${GIVES_TOKEN}`);
      const result = await run(['exec', '-v', 'other:dev', 'echo in'], { ...home, ...missing });
      expect(result).toMatchObject({ exitCode: 0, stdout: 'in\n' });
      expect(result.stderr).toContain(`other: signed in with ${fleet.identity}`);
      // Nobody asks for a certificate now.
      const { environment, calls } = loggedAz();
      expect((await run(['exec', 'other:dev', 'echo in'], { ...home, ...environment })).stdout).toBe('in\n');
      expect(calls()).toEqual([]);
    } finally {
      writeFileSync(keys, '');
    }
  });

  test('one certificate for a whole list', async () => {
    const { environment, calls } = loggedAz();
    const { stdout, stderr } = await run(['list'], { ...freshHome(fleet), ...environment });
    expect(stdout).toMatch(/^entra +dev +Running[\s\S]*^other +dev +Running[\s\S]*^plain +dev +Running/m);
    expect(stderr).toMatch(/^warning: norole: [\s\S]*its sessions are unknown$/m);
    expect(calls()).toHaveLength(1);
  });

  test('a job, a session and a way over such a VM', async () => {
    const home = freshHome(fleet);
    expect((await run(['exec', '--durable', 'entra:dev', 'echo job'], home)).stdout).toBe('job\n');
    expect((await run(['ssh', 'entra', '--tmux-session', 'mine'], home)).stdout).toContain('Created session "mine"');
    const { stdout, stderr } = await run(['exec', '-v', '--jump', 'other', 'plain:dev', 'echo over'], home);
    expect(stdout).toBe('over\n');
    expect(stderr).toContain(`other: ${CERTIFIED}`);
    const both = await run(['exec', '-v', '--entra', '--jump', 'other', 'entra:dev', 'echo over'], home);
    expect(both.stdout).toBe('over\n');
    expect(both.stderr).toContain(`entra: ${CERTIFIED}`);
  });
});

describe('in a list', () => {
  const asOther = (name: string) => {
    const directory = mkdtempSync(join(fleet.directory, 'other-'));
    const subscriptions = [{ id: DEMO_SUBSCRIPTION, name: 'd', isDefault: true, user: { name } }];
    writeFileSync(join(directory, 'azureProfile.json'), JSON.stringify({ subscriptions }));
    return { AZURE_CONFIG_DIR: directory };
  };

  test('an az that takes longer than VMs may is waited for', async () => {
    const slow = withAz(fleet, `[ "$1" = ssh ] && sleep 2\nexec '${fleet.directory}/bin/az' "$@"`);
    const home = freshHome(fleet, '[list]\ndeadline = "1s"\n');
    const { stdout } = await run(['list', 'entra', '-o', 'csv'], { ...home, ...slow });
    expect(stdout).toMatch(/^entra,dev,/m);
  });

  test('where nobody can get a certificate, the others are there', async () => {
    const missing = withAz(fleet, `[ "$1" = ssh ] && exit 1\n${GIVES_TOKEN}`);
    const environment = { ...freshHome(fleet), ...missing, AZLIN_ENTRA: 'always' };
    writeFileSync(join(environment.AZLIN_HOME, 'config.toml'), '');
    const { exitCode, stdout, stderr } = await run(['list', '--all'], environment);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^entra +\? /m) });
    expect(stderr).toMatch(/^warning: entra: az ssh cert failed: /m);
  });

  test.each(['ndjson', 'json'])('%s through the daemon, which has no connection yet', async (format) => {
    const home = { ...freshHome(fleet), AZLIN_PERSIST: '600' };
    try {
      await run(['exec', 'plain:dev', 'true'], home);
      for (let number = 0; number < 2; number++) {
        const { stdout } = await run(['list', '-o', format, 'entra'], home);
        expect(stdout).toMatch(/"session": ?"dev"/);
      }
      // What alice sees is not what bob sees, or what keys see.
      const never = await run(['list', '-o', format, 'entra'], { ...home, AZLIN_ENTRA: 'never' });
      expect(never.stdout).not.toContain('"dev"');
      const bob = await run(['list', '-v', '-o', format, 'entra'], { ...home, ...asOther('bob@azlin.demo') });
      expect(bob.stderr).not.toContain('its sessions are known');
    } finally {
      await run(['daemon', 'stop', '--force'], home);
    }
  });
});

describe('always', () => {
  test.each<[string, () => Environment]>([
    ['the secret of an application', () => as(APP)],
    ['its certificate', () => as(APP, { AZURE_CLIENT_CERTIFICATE_PATH: join(fleet.directory, 'app.pem') })],
    ['a token of another issuer', () => as(APP, { AZURE_FEDERATED_TOKEN_FILE: join(fleet.directory, 'token') })],
    ['a workflow of GitHub', () => as(APP, githubVariables())],
    ['whoever has signed in with az', () => ({})],
    ['an application whose name has capitals', () => as(CAPITALS)],
  ])('%s', async (_, environment) => {
    const all = { ...environment(), ...freshHome(fleet) };
    const result = await run(['exec', '-v', '--entra', 'entra:dev', 'echo in'], all);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'in\n' });
    expect(result.stderr).not.toContain(fleet.identity);
    const said = `${result.stdout}${result.stderr}`;
    for (const secret of [SECRET, FEDERATED, 'github-request-token', 'demo-token']) expect(said).not.toContain(secret);
  });

  const githubVariables = (token = 'github-request-token') => ({
    ACTIONS_ID_TOKEN_REQUEST_URL: `${fleet.resourceManager.url}/github/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
  });

  test('a workflow of GitHub asks for the audience that Azure expects, and lists VMs with it, too', async () => {
    const nobody = { AZURE_CONFIG_DIR: join(fleet.directory, 'nobody'), AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION };
    const environment = { ...as(APP, githubVariables()), ...nobody, ...freshHome(fleet) };
    const { stdout, stderr } = await run(['exec', '--entra', 'entra:dev', 'echo in'], environment);
    expect({ stdout, stderr }).toEqual({ stdout: 'in\n', stderr: '' });
    const asked = fleet.resourceManager.requests.filter((line) => line.includes('/github/'));
    expect(new Set(asked)).toEqual(
      new Set(['GET /github/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange']),
    );
    const wrong = { ...as(APP, githubVariables('wrong')), ...nobody, ...freshHome(fleet) };
    const refused = await run(['exec', '--entra', 'entra:dev', 'echo in'], wrong);
    expect(refused.stderr).toMatch(/GitHub gave no token for this workflow: HTTP status 401/);
  });

  test.each([
    ['AZLIN_ENTRA', { AZLIN_ENTRA: 'always' }, ''],
    ['the settings', {}, '[ssh]\nentra = "always"\n'],
  ])('set by %s; a user who is named for the VM outranks it', async (_, variables, settings) => {
    const environment = { ...freshHome(fleet, settings), ...variables };
    const { stdout, stderr } = await run(['exec', '-v', 'entra:dev', 'echo in'], environment);
    expect(stdout).toBe('in\n');
    expect(stderr).toContain(`entra: ${CERTIFIED}`);
    const named = await run(['exec', `${USER}@plain:dev`, 'echo in'], environment);
    expect(named).toMatchObject({ exitCode: 0, stdout: 'in\n' });
  });

  test('an address', async () => {
    expect((await run(byAddress('entra', 'echo in'), freshHome(fleet))).stdout).toBe('in\n');
    const refused = await run(byAddress('plain'), freshHome(fleet));
    expect(refused.stderr).toMatch(
      /Azure cannot say why, because this is an address, not a VM in the inventory\nhint: the VM needs/,
    );
  });

  test('not together with a user', async () => {
    for (const words of [['--user', 'bob', 'entra:dev'], ['bob@entra:dev']])
      expect(await run(['exec', '--entra', ...words, 'true'])).toMatchObject({
        exitCode: 255,
        stderr:
          'error: Give --entra or the user "bob", not both\nhint: the Entra ID certificate says who the user is\n',
      });
  });

  test('doctor shows the certificate', async () => {
    const { stdout } = await run(['doctor', 'entra'], { ...freshHome(fleet), AZLIN_ENTRA: 'always' });
    expect(stdout).toMatch(/^ok +keys +the Entra ID certificate \("demo" for \S+, good for \d+ min\)$/m);
    expect(stdout).toMatch(/^ok +authentication +the Entra ID certificate /m);
  });

  test('a terminal', async () => {
    const terminal = await openTerminal({ ...fleet.environment, ...freshHome(fleet), AZLIN_ENTRA: 'always' });
    try {
      await terminal.type(`${process.execPath} ${CLI} connect entra:dev\n`);
      await terminal.shows(/entra:~[$#]/);
    } finally {
      terminal.close();
    }
  });
});

describe('a VM that refuses the certificate', () => {
  test.each([
    [
      'norole',
      /you@azlin\.demo probably lacks the role Virtual Machine User Login or .*\nhint: az role assignment create --assignee you@azlin\.demo --role "Virtual Machine User Login" --scope \/subscriptions\/\S+\/norole\n/,
    ],
    [
      'noextension',
      /does not have the extension AADSSHLoginForLinux\nhint: az vm extension set .*--ids \/subscriptions\/\S+\/noextension\n/,
    ],
    [
      'noidentity',
      /does not have a system-assigned identity.*\nhint: az vm identity assign --ids \/subscriptions\/\S+\/noidentity\n/,
    ],
    ['broken', /AADSSHLoginForLinux does not work: its state is Failed\nhint: az vm extension show /],
  ])('%s: what is missing is named, with the cure', async (vm, said) => {
    const { exitCode, stderr } = await run(['exec', '--entra', `${vm}:dev`, 'true'], freshHome(fleet));
    expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(said) });
    expect(stderr).toMatch(/^error: Cannot sign in to .*: it refused the Entra ID certificate \("demo" for /);
  });

  test('both that were refused are named', async () => {
    const { stderr } = await run(['exec', 'norole:dev', 'true'], freshHome(fleet));
    expect(stderr).toMatch(
      /^error: Cannot sign in to "norole" .*: it refused \S+id_ed25519\n {2}it also refused the Entra ID certificate \("demo" .*: you@azlin\.demo probably lacks the role/,
    );
  });

  test('Azure that does not say why, and a name that is not theirs', async () => {
    const home = freshHome(fleet);
    await run(['exec', 'entra:dev', 'true'], home);
    fleet.resourceManager.faults.add({ match: /virtualMachines\/norole/, reply: forbidden(DEMO_SUBSCRIPTION, 'read') });
    const { stderr } = await run(['exec', '--entra', 'norole:dev', 'true'], home);
    expect(stderr).toMatch(
      /Azure does not say why: Cannot read the state of the VM "norole": AuthorizationFailed[\s\S]*hint: the VM needs the extension/,
    );
    const stranger = await run(['exec', '--entra', 'entra:dev', 'true'], { ...home, ...as(STRANGER) });
    expect(stranger.stderr).toContain('Cannot sign in to "entra" (somebody@example.com@');
  });
});

describe('no certificate', () => {
  const nobody = () => ({
    AZURE_CONFIG_DIR: join(fleet.directory, 'nobody'),
    AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION,
  });
  const missing = (stderr: string) =>
    withAz(fleet, `[ "$1" = ssh ] && { echo "${stderr}" >&2; exit 2; }\n${GIVES_TOKEN}`);
  const failing = async (
    environment: Environment,
    ...words: string[]
  ): Promise<Pick<Finished, 'exitCode' | 'stderr'>> => {
    const all = { ...freshHome(fleet), ...environment };
    const { exitCode, stderr } = await run(['exec', ...words, 'entra:dev', 'true'], all);
    return { exitCode, stderr };
  };
  const says = (text: string | RegExp) => ({
    exitCode: 255,
    stderr: typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text),
  });

  test('az without its extension: the error of the keys says so, too', async () => {
    for (const complaint of [
      'ERROR: The command requires the extension ssh. Unable to prompt for extension install confirmation as no tty available.',
      "ERROR: 'ssh' is misspelled or not recognized by the system.",
    ]) {
      expect(await failing(missing(complaint))).toEqual(
        says(
          /it refused \S+id_ed25519\n {2}not tried: Entra ID: The Azure CLI \(az\) needs its extension "ssh" to get SSH certificates \(az extension add --name ssh\)\nhint: name the private key/,
        ),
      );
      expect(await failing(missing(complaint), '--entra')).toEqual(
        says(/^error: The Azure CLI .*\nhint: az extension add --name ssh\n$/),
      );
    }
    expect(await failing(missing('ERROR: AADSTS50076: Due to a change made by your administrator'), '--entra')).toEqual(
      says(/^error: az ssh cert failed: AADSTS50076: .*\nhint: az login\n$/),
    );
  });

  test('az that says nothing, or makes no certificate', async () => {
    const hangs = withAz(fleet, `[ "$1" = ssh ] && sleep 300\n${GIVES_TOKEN}`);
    const slow = freshHome(fleet, '[azure]\ndeadline = "3s"\n');
    expect(await failing({ ...hangs, ...slow }, '--entra')).toEqual(
      says('did not issue an SSH certificate within 3 s'),
    );
    const lies = withAz(fleet, `[ "$1" = ssh ] && { echo ssh-rsa AAAA >"$6"; exit 0; }\n${GIVES_TOKEN}`);
    expect(await failing(lies, '--entra')).toEqual(says('az ssh cert failed: it made no certificate (exit code 0)'));
  });

  test('a certificate for another key, and one out of its time', async () => {
    const once = mkdtempSync(join(fleet.directory, 'once-'));
    await run(['exec', '--entra', 'entra:dev', 'true'], {
      ...freshHome(fleet),
      ...withAz(fleet, `'${fleet.directory}/bin/az' "$@"; [ "$1" != ssh ] || cp "$6" '${once}/old'`),
    });
    const old = withAz(fleet, `[ "$1" = ssh ] && { cp '${once}/old' "$6"; exit 0; }\n${GIVES_TOKEN}`);
    expect(await failing(old, '--entra')).toEqual(
      says('The SSH certificate from Entra ID cannot be used: it is for another key'),
    );
    expect(await failing(as(EXPIRED), '--entra')).toEqual(says(/cannot be used: it expired \d+ (?:min|h) ago/));
    expect(await failing(as(EARLY), '--entra')).toEqual(says(/cannot be used: it is not valid before /));
  });

  test('an endpoint that refuses, is down for a moment, or sends something else', async () => {
    const wrong = { ...freshHome(fleet), ...as(APP, { AZURE_CLIENT_SECRET: 'not the right one' }) };
    expect((await run(byAddress('entra'), wrong)).stderr).toBe(
      'error: Entra ID did not issue an SSH certificate: AADSTS7000215: Invalid client secret provided.\nhint: check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH\n',
    );
    const { faults } = fleet.resourceManager;
    faults.add({ match: /oauth2\/v2\.0\/token/, times: 2, reply: { status: 503, body: {} } });
    const home = freshHome(fleet);
    expect((await run(['exec', '--entra', 'entra:dev', 'echo in'], { ...home, ...as(APP) })).stdout).toBe('in\n');
    for (const body of [
      {},
      { token_type: 'Bearer', access_token: 'x' },
      { token_type: 'ssh-cert', access_token: 'AAAA' },
    ]) {
      faults.clear();
      faults.add({ match: /oauth2\/v2\.0\/token/, reply: { status: 200, body } });
      expect(await failing(as(APP), '--entra')).toEqual(
        says(/did not issue an SSH certificate: HTTP status 200|SSH certificate from Entra ID cannot be used/),
      );
    }
  });

  test.each([
    ['a managed identity that is wanted', '[azure]\ncredential = "managed-identity"\n', {}],
    ['a managed identity in az', '', { AZURE_CONFIG_DIR: 'managed' }],
  ])('%s is refused', async (_, settings, variables) => {
    const directory = mkdtempSync(join(fleet.directory, 'managed-'));
    const user = { name: 'systemAssignedIdentity', type: 'servicePrincipal' };
    const subscriptions = [{ id: DEMO_SUBSCRIPTION, name: 'demo', isDefault: true, user }];
    writeFileSync(join(directory, 'azureProfile.json'), JSON.stringify({ subscriptions }));
    const managed = 'AZURE_CONFIG_DIR' in variables ? { AZURE_CONFIG_DIR: directory } : {};
    const environment = { ...freshHome(fleet, settings), ...managed };
    const { exitCode, stderr } = await run(byAddress('entra'), environment);
    expect({ exitCode, stderr }).toEqual(says('Entra ID does not issue SSH certificates to managed identities'));
  });

  test('nobody is signed in', async () => {
    const environment = { ...freshHome(fleet), ...nobody() };
    const { stderr } = await run(byAddress('entra'), environment);
    expect(stderr).toContain(
      'Not signed in to Azure, so Entra ID issues no SSH certificate\nhint: run az login, or set AZURE_TENANT_ID',
    );
  });

  test('another account than the active one of az is not taken for it', async () => {
    const directory = mkdtempSync(join(fleet.directory, 'two-'));
    const other = '44444444-2222-3333-4444-555555555555';
    const of = (id: string, tenantId: string, name: string, isDefault: boolean) => ({
      ...{ id, tenantId, isDefault, name: id },
      user: { name },
    });
    const write = (home: boolean) => {
      const subscriptions = [
        of(DEMO_SUBSCRIPTION, 'tenant-b', 'bob@work.example', home),
        of(other, 'tenant-a', 'alice@home.example', !home),
      ];
      writeFileSync(join(directory, 'azureProfile.json'), JSON.stringify({ subscriptions }));
    };
    const environment = { ...freshHome(fleet), AZURE_CONFIG_DIR: directory, AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION };
    write(false);
    const { exitCode, stderr } = await run(['exec', '--entra', 'entra:dev', 'true'], environment);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 255,
      stderr: `error: az gets SSH certificates for its active account only, which is not bob@work.example\nhint: az account set --subscription ${DEMO_SUBSCRIPTION}\n`,
    });
    write(true);
    expect((await run(['exec', '--entra', 'entra:dev', 'echo in'], environment)).stdout).toBe('in\n');
  });

  test('asked for once, and tried once, where a VM took one last time', async () => {
    const home = freshHome(fleet);
    await run(['exec', 'entra:dev', 'true'], home);
    const log = join(mkdtempSync(join(fleet.directory, 'log-')), 'log');
    const gone = withAz(fleet, `[ "$1" = ssh ] && { echo asked >>'${log}'; exit 1; }\n${GIVES_TOKEN}`);
    const { stderr } = await run(['exec', 'entra:dev', 'true'], { ...home, ...gone });
    expect(stderr).toMatch(/not tried: Entra ID: az ssh cert failed/);
    expect(readFileSync(log, 'utf8')).toBe('asked\n');
  });

  test('needs no subscription, and an authority that is one', async () => {
    const nowhere = { ...freshHome(fleet), ...nobody(), ...as(APP), AZURE_SUBSCRIPTION_ID: '' };
    expect((await run(byAddress('entra', 'echo in'), nowhere)).stdout).toBe('in\n');
    const odd = { ...nowhere, AZURE_AUTHORITY_HOST: 'login.microsoftonline.us' };
    expect((await run(byAddress('entra'), odd)).stderr).toMatch(
      /^error: AZURE_AUTHORITY_HOST is not a URL: "login\.microsoftonline\.us"\n/,
    );
  });

  test('nor a folder for az that is not there', async () => {
    const { stderr } = await run(byAddress('entra'), { ...freshHome(fleet), TMPDIR: '/nonexistent' });
    expect(stderr).toMatch(/^error: Cannot make a folder in \/nonexistent: .*\nhint: TMPDIR names the folder/);
  });

  test('a file that cannot be read, and one that is something else', async () => {
    const path = join(fleet.directory, 'nothing.pem');
    const certificate = (at: string) => ({ ...as(APP, { AZURE_CLIENT_CERTIFICATE_PATH: at }) });
    const words = byAddress('entra');
    expect((await run(words, certificate(path))).stderr).toContain(
      `Cannot read ${path} (set by AZURE_CLIENT_CERTIFICATE_PATH)`,
    );
    appendFileSync(path, 'nothing');
    expect((await run(words, certificate(path))).stderr).toContain(
      `Cannot use ${path} (set by AZURE_CLIENT_CERTIFICATE_PATH)`,
    );
  });

  test('nothing is left behind', () => {
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('azlin-entra-'))).toEqual([]);
  });
});

describe('through the daemon', () => {
  test('one certificate for many calls; another person has a connection of their own', async () => {
    const { environment, calls } = loggedAz();
    const home = { ...environment, ...freshHome(fleet), AZLIN_PERSIST: '600' };
    try {
      const first = await run(['exec', '--entra', 'entra:dev', 'echo in'], home);
      expect(first).toMatchObject({ exitCode: 0, stdout: 'in\n', stderr: '' });
      for (let number = 0; number < 3; number++)
        expect((await run(['exec', '--entra', 'entra:dev', 'echo in'], home)).stdout).toBe('in\n');
      expect(calls()).toHaveLength(1);
      // A VM that the daemon has no connection to yet, by itself.
      expect(await run(['exec', 'other:dev', 'echo in'], home)).toMatchObject({ stdout: 'in\n', stderr: '' });
      expect(calls()).toHaveLength(2);
      const refused = await run(['exec', 'norole:dev', 'echo in'], home);
      expect(refused.stderr).toMatch(/it also refused the Entra ID certificate .* probably lacks the role/);
      const status = await run(['daemon', 'status', '--json'], home);
      expect(status.stdout).toContain(`${USER}@`);
      // Somebody else signs in with az on this machine.
      const directory = mkdtempSync(join(fleet.directory, 'bob-'));
      const subscriptions = [{ id: DEMO_SUBSCRIPTION, name: 'd', isDefault: true, user: { name: 'bob@azlin.demo' } }];
      writeFileSync(join(directory, 'azureProfile.json'), JSON.stringify({ subscriptions }));
      const before = calls().length;
      const bob = await run(['exec', '--entra', 'entra:dev', 'echo in'], { ...home, AZURE_CONFIG_DIR: directory });
      expect(bob.stdout).toBe('in\n');
      expect(calls()).toHaveLength(before + 1);
    } finally {
      await run(['daemon', 'stop', '--force'], home);
    }
  });
});
