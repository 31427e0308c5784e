import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DemoVm } from '../../src/demo/arm-resources.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';

/* A short form of bench/inventory.ts: nothing is lost on the way, and nobody is asked once for each VM. */

const SUBSCRIPTIONS = [1, 2, 3].map((number) => `${number}0000000-0000-4000-8000-000000000000`);
const EACH = 1_000;

const phantom = (at: number, index: number): DemoVm => ({
  // Every third name stands in all subscriptions.
  name: index % 3 === 0 ? `web-${index}` : `web-${at}-${index}`,
  resourceGroup: `Rg-${at}-${index % 7}`,
  vmId: `vm-${at}-${index}`,
  size: 'Standard_D4s_v5',
  powerState: index % 10 === 0 ? 'deallocated' : 'running',
  adminUser: 'azureuser',
  publicIp: index % 2 === 0 ? `127.3${at}.${index >> 8}.${index & 255}` : null,
  privateIp: `127.4${at}.${index >> 8}.${index & 255}`,
  tags: { env: index % 3 === 0 ? 'prod' : 'dev' },
});

let fleet: DemoFleet;
beforeAll(async () => {
  const phantoms = Object.fromEntries(
    SUBSCRIPTIONS.map((id, at) => [id, Array.from({ length: EACH }, (_, index) => phantom(at, index))]),
  );
  fleet = await startFleet([], { phantoms, pageSize: 250 });
}, 60_000);
afterAll(() => fleet.close());

const list = async (source: string, ...args: string[]) => {
  const before = fleet.resourceManager.requests.length;
  const line = ['list', '--all', '--no-sessions', '--format', 'ndjson', '--inventory', source, ...args];
  const environment = { ...freshHome(fleet), AZURE_SUBSCRIPTION_ID: SUBSCRIPTIONS.join(',') };
  const { stdout, stderr } = await azlin(fleet, line, { environment });
  expect(stderr).toBe('');
  return {
    rows: stdout
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row)),
    requests: fleet.resourceManager.requests.length - before,
  };
};

test('3,000 VMs: both sources give the same, with a request for each page', async () => {
  const manager = await list('azure');
  const graph = await list('resource-graph');
  expect(manager.rows).toHaveLength(SUBSCRIPTIONS.length * EACH);
  expect(graph.rows).toEqual(manager.rows);
  // VMs, states, interfaces and public addresses of each subscription, four pages each; three pages of rows and one of subscriptions.
  expect([manager.requests, graph.requests]).toEqual([SUBSCRIPTIONS.length * 4 * 4, 4]);
  expect(new Set(manager.rows.map(({ vmId }) => vmId)).size).toBe(SUBSCRIPTIONS.length * EACH);
  expect(manager.rows.filter(({ publicIp }) => publicIp !== null)).toHaveLength((SUBSCRIPTIONS.length * EACH) / 2);
});

test('a large resource group: its states come as a list, not one by one', async () => {
  const { rows, requests } = await list('azure', '-g', 'rg-1-3', '--subscription', SUBSCRIPTIONS[1] ?? '');
  expect(rows).toHaveLength(143);
  expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['Running', 'Deallocated']));
  // Three lists of the group, one page each, and the states of the subscription.
  expect(requests).toBe(3 + 4);
});
