import { describe, expect, test } from '@jest/globals';
import {
  type NetworkSource,
  readBastion,
  readNetwork,
  withBastions,
} from '../../../../../src/inventory/azure/bastion/bastions.ts';
import { RECORDED, recorded } from '../../../../support/arm-fixtures.ts';
import { aVm } from '../../../../support/vm.ts';

const AZURE = { tenant: undefined, endpoint: 'https://management.azure.com' };

const network = (name: string, subscription = 'sub') =>
  `/subscriptions/${subscription}/resourcegroups/rg/providers/microsoft.network/virtualnetworks/${name}`;
const bastion = (name: string, sku = 'Standard') => ({
  ...{ id: `/subscriptions/sub/b/${name}`, name, sku, dnsName: 'bst.bastion.azure.com' },
  ...{ hasTunnels: true, hasIpConnect: false, tenant: null },
});

describe('what Azure says', () => {
  test('recorded: Standard without tunnels, and Developer in a network of its own', () => {
    const { value } = recorded('network-2024-10-01-BastionHostListBySubscription').body as { value: unknown[] };
    const [standard, developer] = value.map((raw) => readBastion(raw, { ...AZURE, tenant: 'tenant' }).found);
    expect(standard).toEqual({
      bastion: {
        id: '/subscriptions/subid/resourceGroups/rg1/providers/Microsoft.Network/bastionHosts/bastionhosttenant',
        name: 'bastionhosttenant',
        sku: 'Standard',
        dnsName: 'bst-9d89d361-100e-4c01-b92d-466548c476dc.bastion.azure.com',
        hasTunnels: false,
        hasIpConnect: false,
        tenant: 'tenant',
      },
      network: '/subscriptions/subid/resourcegroups/rg1/providers/microsoft.network/virtualnetworks/vnet',
    });
    expect(developer).toMatchObject({
      bastion: { sku: 'Developer', dnsName: 'omnibrain.uswest.bastionglobal.azure.com' },
      network: '/subscriptions/subid/resourcegroups/rg2/providers/microsoft.network/virtualnetworks/vnet2',
    });
  });

  test('recorded in 2023: Basic', () => {
    const { value } = recorded('bastion-listall-2023').body as { value: unknown[] };
    expect(value.map((raw) => readBastion(raw, AZURE).found)).toMatchObject([
      { bastion: { name: 'cctestvnet', sku: 'Basic' } },
    ]);
  });

  test('peerings count when they are connected', () => {
    const peering = (peeringState: string, id: string) => ({
      properties: { peeringState, remoteVirtualNetwork: { id } },
    });
    const raw = {
      id: '/S/VNet',
      properties: { virtualNetworkPeerings: [peering('Connected', '/S/Hub'), peering('Disconnected', '/S/Old')] },
    };
    expect(readNetwork(raw).found).toEqual({ key: '/s/vnet', peers: ['/s/hub'] });
  });

  test('a host name that is none gets no token', () => {
    const { value } = recorded('bastion-listall-2023').body as { value: { properties: object }[] };
    for (const dnsName of [
      'evil.example/path',
      'user@evil',
      'a b',
      '',
      '-x',
      'host:port',
      'vm.westeurope.cloudapp.azure.com',
      'bst.bastion.azure.com:444',
      'bastion.azure.com.evil.example',
    ])
      expect(
        readBastion({ ...value[0], properties: { ...value[0]?.properties, dnsName } }, AZURE).found?.bastion.dnsName,
      ).toBe('');
  });

  test('what makes no sense is nothing, and throws nothing', () => {
    for (const raw of [null, 5, [], {}, { id: 5 }, { id: '/x' }, { id: '/x', properties: { ipConfigurations: 'x' } }]) {
      expect(readBastion(raw, AZURE).found).toBeUndefined();
      readNetwork(raw);
    }
    for (const { body } of RECORDED) {
      readBastion(body, AZURE);
      readNetwork(body);
    }
  });
});

const SCOPE = [
  { id: 'other', name: undefined, tenant: 'other' },
  { id: 'SUB', name: undefined, tenant: 'home' },
];

describe('the Bastions of a VM', () => {
  const asked: string[] = [];
  const source: NetworkSource = {
    async bastions(subscriptions) {
      asked.push(`bastions of ${subscriptions.map(({ id, tenant }) => `${id} (${tenant})`)}`);
      const all = [
        { network: network('own'), bastion: bastion('own') },
        { network: network('hub', 'hub'), bastion: bastion('hub') },
        { network: network('free', 'hub'), bastion: bastion('free', 'Developer') },
      ];
      return all.filter((one) =>
        subscriptions.some(({ id }) => one.network.startsWith(`/subscriptions/${id.toLowerCase()}/`)),
      );
    },
    async networks(subscriptions) {
      asked.push(`networks of ${subscriptions.map(({ id }) => id)}`);
      return [
        { key: network('own'), peers: [network('hub', 'hub'), network('free', 'hub')] },
        { key: network('spoke'), peers: [network('hub', 'hub')] },
      ];
    },
  };
  const names = async (...vms: Parameters<typeof withBastions>[0]) =>
    (await withBastions(vms, SCOPE, source)).map(
      ({ bastions }) => bastions && [bastions.own, bastions.peered].map((all) => all.map(({ name }) => name)),
    );

  test('are those of its own network and of peered ones; the Developer SKU serves only its own', async () => {
    asked.length = 0;
    const own = aVm('own', { publicIp: null, network: network('own') });
    const spoke = aVm('spoke', { publicIp: null, network: network('spoke') });
    const alone = aVm('alone', { publicIp: null, network: network('alone') });
    expect(await names(own, spoke, alone)).toEqual([[['own'], ['hub']], [[], ['hub']], undefined]);
    // The subscription of the hub is known from the peering.
    expect(asked).toEqual(['bastions of SUB (home)', 'networks of SUB', 'bastions of hub (home)']);
  });

  test('nobody looks where every VM has a public address, is Windows, or is in no known network', async () => {
    asked.length = 0;
    const vms = [
      aVm('public', { network: network('own') }),
      aVm('windows', { publicIp: null, os: 'windows', network: network('own') }),
      aVm('nowhere', { publicIp: null, network: null }),
    ];
    expect(await withBastions(vms, SCOPE, source)).toEqual(vms);
    expect(asked).toEqual([]);
  });
});
