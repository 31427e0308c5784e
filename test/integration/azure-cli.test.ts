import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { AZ_PRINCIPAL, installedAz, type SignedInAz, signInWithAz } from '../support/real-az.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

const AZ = installedAz();

/** An independent client keeps the local Resource Manager honest. Without one there is nothing to say. */
(AZ ? describe : describe.skip)('the real Azure CLI', () => {
  let fleet: DemoFleet;
  let environment: SignedInAz['environment'];
  let az: SignedInAz['az'];

  beforeAll(async () => {
    fleet = await startFleet(undefined, { principals: [AZ_PRINCIPAL] });
    ({ environment, az } = await signInWithAz(AZ ?? '', fleet));
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
