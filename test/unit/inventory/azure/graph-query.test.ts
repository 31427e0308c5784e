import { describe, expect, test } from '@jest/globals';
import { graphQuery, groupQuery, readGraphRow, vmsOf } from '../../../../src/inventory/azure/graph-query.ts';

describe('the query', () => {
  test('has an id and a total order: what paging needs; and nothing that ends after one page', () => {
    const query = graphQuery(undefined);
    expect(query).toMatch(/^resources\n\| where type =~ 'microsoft\.compute\/virtualmachines'\n/);
    expect(query).toMatch(/\n\| project id, [\s\S]*\n\| order by id asc, nicId asc, configurationName asc$/);
    expect(query).not.toMatch(/summarize|limit|take|sample/);
    expect(query.match(/\bjoin\b/g)).toHaveLength(2);
    expect(query).not.toContain('resourceGroup');
  });

  test.each([
    ['rg', "'rg'"],
    ["it's", String.raw`'it\'s'`],
    [String.raw`a\' | take 1`, String.raw`'a\\\' | take 1'`],
  ])('a resource group %j is a text of its own', (name, text) => {
    expect(graphQuery(name).split('\n')[2]).toBe(`| where resourceGroup =~ ${text}`);
    expect(groupQuery(name)).toContain(`| where name =~ ${text}\n`);
  });
});

describe('rows', () => {
  const id = '/subscriptions/s/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm';
  const nic = (name: string) =>
    `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/${name}`;
  const base = {
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
  };
  const row = (name: string, properties: object, ipAddress = '') => ({
    ...base,
    nicId: nic(name),
    nicPrimary: name === 'first' ? 1 : 0,
    configuration: { name: 'c', properties },
    ipAddress,
  });
  const read = (...raw: unknown[]) => vmsOf(raw.flatMap((one) => readGraphRow(one).found ?? []));

  test('of one VM become one VM, with the addresses that Resource Manager would give it', () => {
    const rows = [
      row('second', { primary: true, privateIPAddress: '127.0.0.9' }),
      row('first', { privateIPAddress: '127.0.0.8' }),
      row('first', { primary: true, privateIPAddress: '127.0.0.7', publicIPAddress: { id: '/ip/One' } }, '127.9.9.9'),
      { ...row('second', {}), id: id.replace('vm', 'other'), name: 'other' },
    ];
    expect(read(...rows)).toMatchObject([
      {
        id,
        name: 'vm',
        vmId: 'guid',
        size: 'B1',
        os: 'linux',
        adminUser: 'me',
        tags: { a: 'b' },
        resourceGroup: 'rg',
        powerState: 'Running',
        publicIp: '127.9.9.9',
        privateIp: '127.0.0.7',
      },
      { name: 'other' },
    ]);
    expect(rows.map((one) => readGraphRow(one).problem)).toEqual(rows.map(() => undefined));
  });

  test('empty texts and nulls are missing ones', () => {
    const nothing = { vmId: '', osType: '', adminUsername: '', power: '', vmSize: null, tags: null };
    const rest = { nicId: '', nicPrimary: null, configuration: null, ipAddress: null, networkProfile: null };
    const raw = { id, name: 'vm', ...nothing, ...rest };
    expect(readGraphRow(raw).problem).toBeUndefined();
    expect(read(raw)).toMatchObject([
      { vmId: id.toLowerCase(), os: 'unknown', adminUser: null, size: '', powerState: 'Unknown', publicIp: null },
    ]);
  });

  test.each([
    [{ power: 7 }, /"vm" with .*\(power\)/],
    [{ configuration: 'x' }, /"first" with .*\(ipConfigurations\)/],
    [{ networkProfile: 5 }, /"vm" with .*\(networkProfile\)/],
    [{ id: 5 }, /without an id/],
  ])('%j costs that VM a warning', (change, problem) => {
    expect(readGraphRow({ ...row('first', {}), ...change }).problem).toMatch(problem);
  });

  test.each([null, 5, {}, { id, configuration: null, nicId: 5 }])('%j harms nobody', (raw) => {
    expect(() => read(raw)).not.toThrow();
  });
});
