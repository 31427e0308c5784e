import { describe, expect, test } from '@jest/globals';
import { joinAddresses } from '../../../../src/inventory/azure/addresses.ts';
import { graphQuery, readGraphVm } from '../../../../src/inventory/azure/graph-query.ts';

describe('the query', () => {
  test('has one line for each VM with an id: what paging needs', () => {
    const query = graphQuery(undefined);
    expect(query).toMatch(/^resources\n\| where type =~ 'microsoft\.compute\/virtualmachines'\n/);
    expect(query).toMatch(/\n\| project id, [\s\S]*\n\| order by id asc$/);
    expect(query.match(/\bjoin\b/g)).toHaveLength(2);
    expect(query).not.toContain('resourceGroup');
  });

  test.each([
    ['rg', "'rg'"],
    ["it's", String.raw`'it\'s'`],
    [String.raw`a\' | take 1`, String.raw`'a\\\' | take 1'`],
  ])('a resource group %j is a text of its own', (name, text) => {
    expect(graphQuery(name).split('\n')[2]).toBe(`| where resourceGroup =~ ${text}`);
  });
});

describe('a row', () => {
  const id = '/subscriptions/s/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm';
  const nic = (name: string) =>
    `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/${name}`;
  const configuration = (fields: object) => ({ properties: fields });
  const row = {
    id,
    name: 'vm',
    location: 'westeurope',
    tags: { a: 'b' },
    vmId: 'guid',
    vmSize: 'B1',
    osType: 'Linux',
    adminUsername: 'me',
    power: 'PowerState/running',
    networkProfile: {
      networkInterfaces: [
        { id: nic('second'), properties: { primary: false } },
        { id: nic('first').toUpperCase(), properties: { primary: true } },
      ],
    },
    nics: [
      {
        id: nic('second'),
        primary: false,
        configuration: configuration({ primary: true, privateIPAddress: '127.0.0.9' }),
        ipAddress: '',
      },
      {
        id: nic('first'),
        primary: true,
        configuration: configuration({ privateIPAddress: '127.0.0.8' }),
        ipAddress: '',
      },
      {
        id: nic('first'),
        primary: true,
        configuration: configuration({
          primary: true,
          privateIPAddress: '127.0.0.7',
          publicIPAddress: { id: '/ip/One' },
        }),
        ipAddress: '127.9.9.9',
      },
    ],
  };
  const addressesOf = (raw: unknown) => {
    const { vm } = readGraphVm(raw);
    return vm && joinAddresses(vm.known, vm.publicIps).of(vm.interfaces);
  };

  test('reads as the same VM would from Resource Manager', () => {
    expect(readGraphVm(row)).toMatchObject({
      problem: undefined,
      vm: {
        powerState: 'Running',
        vm: { id, name: 'vm', size: 'B1', os: 'linux', adminUser: 'me', vmId: 'guid', tags: { a: 'b' } },
      },
    });
    expect(addressesOf(row)).toEqual({ publicIp: '127.9.9.9', privateIp: '127.0.0.7' });
  });

  test('empty texts are missing ones', () => {
    const { vm } = readGraphVm({
      id,
      name: 'vm',
      vmId: '',
      osType: '',
      adminUsername: '',
      power: '',
      vmSize: '',
      nics: null,
      tags: null,
    });
    expect(vm).toMatchObject({
      powerState: 'Unknown',
      vm: { vmId: id.toLowerCase(), os: 'unknown', adminUser: null, size: '' },
    });
  });

  test.each([
    null,
    5,
    {},
    { id, nics: 5 },
    { id, nics: [null, { id: 5, configuration: 'x' }] },
    { id, networkProfile: [] },
  ])('%j harms nobody', (raw) => {
    expect(() => addressesOf(raw)).not.toThrow();
  });
});
