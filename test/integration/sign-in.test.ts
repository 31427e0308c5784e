import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generate } from 'selfsigned';
import { DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import { realClock } from '../support/clock.ts';
import { azlin, bash, startFleet } from '../support/fleet.ts';
import { freshHome, GIVES_TOKEN, withAz } from '../support/fresh-home.ts';

const CLIENT = 'aaaaaaaa-0000-4000-8000-000000000001';
const SECRET = 'a secret that nobody may see';
const FEDERATED = 'header.claims-of-github.signature';

let fleet: DemoFleet;
let identity: Server;
beforeAll(async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'app' }], { keySize: 2048 });
  const principals = [{ clientId: CLIENT, secret: SECRET, certificate: cert, federatedToken: FEDERATED }];
  fleet = await startFleet([{ name: 'vm', sessions: [], stopped: true }], { principals });
  writeFileSync(join(fleet.directory, 'app.pem'), `${key}\n${cert}`);
  writeFileSync(join(fleet.directory, 'token'), FEDERATED);
  // What App Service and Functions give to what runs there; on a VM the same is asked at an address of the network.
  identity = createServer((request, response) => {
    const isRight = request.headers['x-identity-header'] === 'right' && request.url?.includes('management.azure.com');
    const expires_on = Math.floor(Date.now() / 1_000) + 3_600;
    response.writeHead(isRight ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isRight ? { access_token: 'demo-token', expires_on, token_type: 'Bearer' } : {}));
  });
  await new Promise<void>((resolve) => identity.listen(0, '127.0.0.1', resolve));
}, 60_000);
afterAll(() => {
  fleet.close();
  identity.close();
});

/** The local authority is an AD FS: it needs nobody on the internet to vouch for it. */
const tenant = () => ({
  AZURE_AUTHORITY_HOST: new URL(fleet.resourceManager.url).origin,
  AZURE_TENANT_ID: 'adfs',
  AZURE_CLIENT_ID: CLIENT,
});
const NO_AZ = `echo "Please run 'az login' to setup account." >&2; exit 1`;

interface SignIn {
  readonly environment: Readonly<Record<string, string>>;
  readonly only?: string;
  /** The script that is `az`. */
  readonly az?: string;
}

function list({ environment, only = 'any', az = NO_AZ }: SignIn, ...args: string[]) {
  const home = freshHome(fleet, `[azure]\ncredential = "${only}"\n`);
  // Nobody has ever signed in with az here.
  const nobody = { AZURE_CONFIG_DIR: join(fleet.directory, 'nobody') };
  const all = { AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION, ...nobody, ...home, ...withAz(fleet, az), ...environment };
  return azlin(fleet, ['list', '--all', '--no-sessions', ...args], { environment: all });
}

const identityOf = (header: string) => ({
  IDENTITY_ENDPOINT: `http://127.0.0.1:${(identity.address() as AddressInfo).port}/msi/token`,
  IDENTITY_HEADER: header,
});

describe.each(['any', 'alone'])('signed in, asked for %s', (how) => {
  test.each<[string, () => SignIn]>([
    ['environment', () => ({ environment: { ...tenant(), AZURE_CLIENT_SECRET: SECRET } })],
    [
      'environment',
      () => ({ environment: { ...tenant(), AZURE_CLIENT_CERTIFICATE_PATH: join(fleet.directory, 'app.pem') } }),
    ],
    [
      'workload-identity',
      () => ({ environment: { ...tenant(), AZURE_FEDERATED_TOKEN_FILE: join(fleet.directory, 'token') } }),
    ],
    ['cli', () => ({ environment: {}, az: GIVES_TOKEN })],
    ['managed-identity', () => ({ environment: identityOf('right') })],
  ])('%s', async (kind, signIn) => {
    const { exitCode, stdout, stderr } = await list({ ...signIn(), only: how === 'any' ? 'any' : kind });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^vm /m), stderr: '' });
  });
});

describe('not signed in', () => {
  test('each that was tried is named, with what to do', async () => {
    const { exitCode, stderr } = await list({ environment: identityOf('wrong') });
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(
      /^error: Not signed in to Azure\. Tried:\n {2}environment: .+\n {2}workload-identity: .+\n {2}cli: .*az login.*\n {2}managed-identity: .+\nhint: az login\n$/,
    );
  });

  test('an az that somebody has signed in with and that has expired is not passed over for another identity', async () => {
    const environment = { ...identityOf('right'), AZURE_CONFIG_DIR: fleet.environment['AZURE_CONFIG_DIR'] ?? '' };
    const { exitCode, stderr } = await list({ environment });
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: expect.not.stringContaining('managed-identity') });
    expect(await list({ environment: identityOf('right') }, '--verbose')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^azure: signed in by managed-identity$/m),
    });
  });

  test('an az that hangs is named, and not waited for beyond the deadline', async () => {
    const home = freshHome(fleet, '[azure]\ncredential = "cli"\ndeadline = "2s"\n');
    const started = realClock.now();
    const { exitCode, stderr } = await list({ environment: home, only: 'cli', az: 'exec sleep 20' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(/cli: az gave no token in 1\.6 s[\s\S]*^hint: az account get-access-token/m),
    });
    expect(realClock.now() - started).toBeLessThan(10_000);
  });

  test('an az that hangs ends with what it has started, and so it does when azlin is ended', async () => {
    const home = freshHome(fleet, '[azure]\ncredential = "cli"\ndeadline = "2s"\n');
    const seconds = `${700_000 + process.pid}`;
    const az = `trap '' HUP TERM INT; sleep ${seconds} & sleep ${seconds}`;
    const left = () => spawnSync('pgrep', ['-f', `^sleep ${seconds}$`], { encoding: 'utf8' }).stdout;
    await list({ environment: home, only: 'cli', az });
    expect(left()).toBe('');
    const long = freshHome(fleet, '[azure]\ncredential = "cli"\ndeadline = "30s"\n');
    const line = `azlin list --no-sessions & until pgrep -f '^sleep ${seconds}$' >/dev/null; do sleep 0.1; done; kill -TERM $!; wait $!`;
    const environment = { ...long, AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION, ...withAz(fleet, az) };
    expect((await bash(fleet, line, { environment })).exitCode).toBe(143);
    expect(left()).toBe('');
  });

  test.each([
    ['a byte order mark', `printf '\\357\\273\\277'; ${GIVES_TOKEN}`],
    ['colours', `printf '\\033[93m'; ${GIVES_TOKEN}; printf '\\033[0m\\033]0;az\\007'`],
    ['line ends of Windows', `${GIVES_TOKEN} | sed 's/$/\\r/'`],
    ['warnings before and after', `echo 'WARNING: {preview}'; ${GIVES_TOKEN}; echo 'You have 2 updates {az upgrade}'`],
    ['warnings beside it', `echo 'WARNING: your token expires soon; run az login' >&2; ${GIVES_TOKEN}`],
    ['other JSON', `echo '{"cloud":{"name":"x"}}'; ${GIVES_TOKEN}; echo '[{"a":1}]'`],
    ['what it leaves behind', `sleep 30 & ${GIVES_TOKEN}`],
  ])('what az prints around its answer does not matter: %s', async (_what, az) => {
    const { exitCode, stderr, stdout } = await list({ environment: {}, only: 'cli', az });
    expect({ exitCode, stderr, stdout }).toEqual({ exitCode: 0, stderr: '', stdout: expect.stringMatching(/^vm /m) });
  });

  test.each([
    ['nothing', 'exit 0', /cli: az gave no token \(exit code 0\)/],
    [
      'a complaint',
      "echo 'ERROR: AADSTS700082: The refresh token has expired.' >&2; exit 1",
      /cli: AADSTS700082: The refresh token/,
    ],
    ['a token that is none', `echo '{"accessToken":"","expires_on":4070908800}'`, /cli: az gave no token/],
    ['a token and a failure', `${GIVES_TOKEN}; exit 1`, /cli: az gave no token \(exit code 1\)/],
  ])('an az that gives %s gives no token', async (_what, az, reason) => {
    expect(await list({ environment: {}, only: 'cli', az })).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(reason),
    });
  });

  test('a credential that is set up and refused is not passed over for another identity', async () => {
    const environment = { ...tenant(), AZURE_CLIENT_SECRET: 'wrong', ...identityOf('right') };
    const { exitCode, stderr } = await list({ environment, az: GIVES_TOKEN });
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/environment: .*AADSTS7000215: Invalid client secret provided\.$/m);
    expect(stderr).toMatch(/^hint: check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET/m);
    expect(stderr).not.toContain('wrong');
  });

  test('a subscription of another tenant than the one that is active in az', async () => {
    const other = '22222222-2222-3333-4444-555555555555';
    const folder = mkdtempSync(join(fleet.directory, 'azure-'));
    const entry = (id: string, tenantId: string) => ({ id, name: id, isDefault: id === DEMO_SUBSCRIPTION, tenantId });
    const subscriptions = [entry(DEMO_SUBSCRIPTION, 'tenant-a'), entry(other, 'tenant-b')];
    writeFileSync(join(folder, 'azureProfile.json'), JSON.stringify({ subscriptions }));
    const log = join(fleet.directory, 'az.log');
    const az = `echo "$*" >> '${log}'\n${GIVES_TOKEN}`;
    await list({
      environment: { AZURE_CONFIG_DIR: folder, AZURE_SUBSCRIPTION_ID: `${DEMO_SUBSCRIPTION},${other}` },
      az,
    });
    const calls = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => /--tenant (\S+)/.exec(line)?.[1]);
    expect(calls.sort()).toEqual(['tenant-b', undefined]);
    const refused = `case "$*" in *tenant-b*) echo 'Please run az login' >&2; exit 1;; esac; ${GIVES_TOKEN}`;
    const environment = { AZURE_CONFIG_DIR: folder, AZURE_SUBSCRIPTION_ID: `${DEMO_SUBSCRIPTION},${other}` };
    expect((await list({ environment, az: refused })).stderr).toMatch(
      /its VMs are missing \(az login --tenant tenant-b\)/,
    );
  });

  test('the tenant of the subscription, as az knows it', async () => {
    const id = '88d52eb9-4040-4847-b7f2-0d5eeef9cf39';
    const folder = mkdtempSync(join(fleet.directory, 'azure-'));
    const known = { id: DEMO_SUBSCRIPTION, name: 'demo', isDefault: true, tenantId: id };
    writeFileSync(join(folder, 'azureProfile.json'), JSON.stringify({ subscriptions: [known] }));
    const { exitCode, stderr } = await list({ environment: { AZURE_CONFIG_DIR: folder }, only: 'cli' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(new RegExp(`^hint: az login --tenant ${id}$`, 'm')),
    });
  });

  test.each([
    ['cli', /cli: .*az login/, /^hint: az login$/m],
    ['environment', /environment: .+/, /^hint: check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET/m],
    ['workload-identity', /workload-identity: .+/, /^hint: .*AZURE_FEDERATED_TOKEN_FILE/m],
  ])('%s alone', async (only, reason, hint) => {
    const { exitCode, stderr } = await list({ environment: {}, only });
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(hint);
    expect(stderr.match(/^ {2}\S+: /gm)).toHaveLength(1);
  });

  test('managed identity alone', async () => {
    const { exitCode, stderr } = await list({ environment: identityOf('wrong'), only: 'managed-identity' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringMatching(/managed-identity: [\s\S]*^hint: assign an identity/m),
    });
  });

  test('no secret is told, however much is asked for', async () => {
    const { stdout, stderr } = await list({ environment: { ...tenant(), AZURE_CLIENT_SECRET: SECRET } }, '--verbose');
    expect(stdout + stderr).not.toMatch(/a secret|demo-token/);
    const refused = await list({ environment: { ...tenant(), AZURE_CLIENT_SECRET: `not ${SECRET}` } }, '--verbose');
    expect(refused.stderr).not.toMatch(/a secret|demo-token/);
  });
});
