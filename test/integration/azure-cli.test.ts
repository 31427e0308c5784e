import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';

const run = promisify(execFile);
const CLIENT = 'aaaaaaaa-0000-4000-8000-000000000001';

/** The Azure CLI of this machine; the tests of this file have nothing to say without one. */
const AZ = (() => {
  try {
    return execFileSync('/bin/sh', ['-c', 'command -v az'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
})();

/** An independent client keeps the local Resource Manager honest. */
(AZ ? describe : describe.skip)('the real Azure CLI', () => {
  let fleet: DemoFleet;
  let environment: Readonly<Record<string, string>>;
  const az = async (...args: string[]) =>
    (await run(AZ ?? '', [...args, '--only-show-errors', '--output', 'json'], { env: environment })).stdout;

  beforeAll(async () => {
    fleet = await startFleet(undefined, { principals: [{ clientId: CLIENT, secret: 'pass' }] });
    const url = fleet.resourceManager.url;
    const bin = mkdtempSync(join(fleet.directory, 'bin-'));
    symlinkSync(AZ ?? '', join(bin, 'az'));
    environment = {
      ...fleet.environment,
      PATH: `${bin}:${fleet.environment['PATH']}`,
      AZURE_CONFIG_DIR: mkdtempSync(join(fleet.directory, 'azure-')),
      AZURE_CORE_COLLECT_TELEMETRY: 'false',
      REQUESTS_CA_BUNDLE: fleet.environment['NODE_EXTRA_CA_CERTS'] ?? '',
    };
    await az(
      ...['cloud', 'register', '--name', 'azlinlocal', '--profile', '2020-09-01-hybrid'],
      ...['--endpoint-resource-manager', url, '--endpoint-management', url, '--endpoint-gallery', url],
      ...['--endpoint-active-directory', `${url}/adfs`, '--endpoint-active-directory-graph-resource-id', url],
      ...['--endpoint-active-directory-resource-id', 'https://management.azure.com'],
    );
    await az('cloud', 'set', '--name', 'azlinlocal');
    await az('login', '--service-principal', '-u', CLIENT, '-p', 'pass', '--tenant', 'adfs');
  }, 120_000);
  afterAll(() => fleet?.close());

  const fromAz = async () => {
    const vms = JSON.parse(await az('vm', 'list', '--show-details')) as AzVm[];
    return vms.map(({ name, powerState, publicIps, privateIps, location, vmId, hardwareProfile, resourceGroup }) => ({
      hostname: name,
      status: powerState.replace(/^VM (.)/, (_, first: string) => first.toUpperCase()),
      publicIp: publicIps || null,
      privateIp: privateIps || null,
      region: location,
      size: hardwareProfile.vmSize,
      vmId,
      resourceGroup: resourceGroup.toLowerCase(),
    }));
  };

  test.each(['azure', 'resource-graph'])(
    'and azlin see the same, source %s',
    async (source) => {
      const args = ['list', '--all', '--no-sessions', '--format', 'json', '--inventory', source];
      const { stdout, stderr } = await azlin({ environment }, args, { environment: freshHome(fleet) });
      expect(stderr).toBe('');
      const byName = (a: { hostname: string }, b: { hostname: string }) => (a.hostname < b.hostname ? -1 : 1);
      const seen = await fromAz();
      expect(seen).toHaveLength(5);
      expect(JSON.parse(stdout)).toMatchObject(seen.sort(byName));
    },
    60_000,
  );

  test('starts and deallocates a VM, as azlin does', async () => {
    await az('vm', 'start', '--resource-group', 'rg-demo', '--name', 'oldvm');
    const home = freshHome(fleet);
    expect((await azlin({ environment }, ['exec', 'oldvm', 'echo up'], { environment: home })).stdout).toBe('up\n');
    expect(await azlin({ environment }, ['stop', 'oldvm', '--yes'], { environment: home })).toMatchObject({
      exitCode: 0,
    });
    expect((await fromAz()).find(({ hostname }) => hostname === 'oldvm')).toMatchObject({ status: 'Deallocated' });
  }, 60_000);
});

interface AzVm {
  readonly name: string;
  readonly powerState: string;
  readonly publicIps: string;
  readonly privateIps: string;
  readonly location: string;
  readonly vmId: string;
  readonly resourceGroup: string;
  readonly hardwareProfile: { readonly vmSize: string };
}
