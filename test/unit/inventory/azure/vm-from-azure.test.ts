import { describe, expect, test } from '@jest/globals';
import { powerStateOf, readInstanceView, readState, readVm } from '../../../../src/inventory/azure/vm-from-azure.ts';
import { RECORDED, recorded, recordedResources } from '../../../support/arm-fixtures.ts';

type Loose = { readonly [key: string]: Loose } & string;

describe('VMs as Azure sends them', () => {
  test.each(recordedResources(/^Microsoft\.Compute\/virtualMachines$/).map(({ name, raw }) => [name, raw] as const))(
    '%s',
    (_name, raw) => {
      const { id, name, location, tags, properties } = raw as Loose;
      const { found, problem } = readVm(raw);
      expect(problem).toBeUndefined();
      expect(found?.vm).toMatchObject({
        id,
        name,
        region: location,
        size: properties?.['hardwareProfile']?.['vmSize'],
        adminUser: properties?.['osProfile']?.['adminUsername'] ?? null,
        os: properties?.['storageProfile']?.['osDisk']?.['osType']?.toLowerCase(),
        tags: tags ?? {},
        resourceGroup: /resourceGroups\/([^/]+)/i.exec(id ?? '')?.[1],
        subscriptionId: /subscriptions\/([^/]+)/i.exec(id ?? '')?.[1],
      });
      const interfaces = properties?.['networkProfile']?.['networkInterfaces'] as unknown as { id: string }[];
      expect(found?.interfaces.map(({ key }) => key)).toEqual(interfaces.map((one) => one.id.toLowerCase()));
    },
  );

  test('there are enough of them to mean something', () => {
    expect(recordedResources(/^Microsoft\.Compute\/virtualMachines$/).length).toBeGreaterThan(28);
  });

  test.each([
    'compute-2024-11-01-VirtualMachine_ListAll_MinimumSet',
    'compute-2023-09-01-VirtualMachine_List_MinimumSet',
  ])('%s: without name and properties', (name) => {
    const { value } = recorded(name).body as { value: unknown[] };
    for (const raw of value)
      expect(readVm(raw)).toMatchObject({
        problem: undefined,
        found: {
          vm: { name: '{virtualMachineName}', region: 'eastus', size: '', adminUser: null, os: 'unknown', tags: {} },
          interfaces: [],
        },
      });
  });

  test.each([
    ['vm-2-nics', [true, false]],
    ['vm-3-nics', [true, false, false]],
    ['vm-provisioning-failed', [false]],
  ])('%s: which interface is the primary one', (name, primary) => {
    expect(readVm(recorded(name).body).found?.interfaces.map((one) => one.primary)).toEqual(primary);
  });

  test('what is no VM reads as what it is, and a Windows VM as one', () => {
    expect(readVm(recorded('vm-no-osprofile').body).found?.vm).toMatchObject({ adminUser: null, os: 'unknown' });
    const { value } = recorded('compute-2020-06-01-ListVirtualMachinesInASubscriptionByLocation').body as Loose;
    for (const raw of value as unknown as unknown[]) expect(readVm(raw).found?.vm.os).toBe('windows');
  });

  test('the system is told by the configuration when the disk does not say', () => {
    const of = (osProfile: object) => readVm({ id: '/x', name: 'x', properties: { osProfile } }).found?.vm.os;
    expect([of({ linuxConfiguration: {} }), of({ windowsConfiguration: {} }), of({})]).toEqual([
      'linux',
      'windows',
      'unknown',
    ]);
  });
});

describe('a VM that makes no sense', () => {
  test.each([null, 5, 'text', [], {}, { id: 7 }, { name: '' }])('%j cannot be named: a warning', (raw) => {
    expect(readVm(raw)).toEqual({ found: undefined, problem: expect.stringContaining('without a name') });
  });

  test.each([
    ['properties', { properties: 'none' }],
    ['tags', { tags: ['a'] }],
    ['tags', { tags: { a: 1 } }],
    ['networkInterfaces', { properties: { networkProfile: { networkInterfaces: {} } } }],
    ['networkInterfaces', { properties: { networkProfile: { networkInterfaces: [null, 5] } } }],
    ['vmSize', { properties: { hardwareProfile: { vmSize: {} } } }],
    ['osDisk', { properties: { storageProfile: { osDisk: 'Linux' } } }],
    ['location', { location: 3 }],
    ['vmId', { properties: { vmId: '' } }],
    ['vmId', { properties: { vmId: ' ' } }],
    ['vmId', { properties: { vmId: 'x'.repeat(129) } }],
  ])('%s of another type: the VM stays, with a warning that names it', (field, more) => {
    const { found, problem } = readVm({ id: '/subscriptions/s/resourceGroups/g/x/virtualMachines/odd', ...more });
    expect(found?.vm.name).toBe('odd');
    expect(problem).toBe(
      `Azure sent a VM "odd" with fields that azlin cannot read (${field}); what depends on them is unknown`,
    );
  });

  test('without an id it cannot be told from others', () => {
    expect(readVm({ name: 'odd' })).toEqual({
      found: undefined,
      problem: 'Azure sent a VM "odd" without an id; it is left out',
    });
  });

  test('its id may become a word in known_hosts', () => {
    const { found } = readVm({ id: '/x', name: 'x', properties: { vmId: 'a b,*!?|@#c' } });
    expect(found?.vm.vmId).toBe('a%20b%2C%2A%21%3F%7C%40%23c');
  });
});

describe('power state', () => {
  test.each([
    ['PowerState/running', 'Running'],
    ['powerstate/Deallocating', 'Stopping'],
    ['PowerState/stopped', 'Stopped'],
    ['PowerState/hibernated', 'Unknown'],
    ['ProvisioningState/succeeded', 'Unknown'],
    ['', 'Unknown'],
    ['PowerState/constructor', 'Unknown'],
    ['PowerState/__proto__', 'Unknown'],
  ])('%j is %s', (code, expected) => {
    expect(powerStateOf(code)).toBe(expected);
  });

  test.each([
    ['compute-2023-09-01-VirtualMachine_Get_InstanceView-excerpt', 'Running'],
    ['compute-2020-06-01-GetVirtualMachineInstanceViewAutoPlacedOnDedicatedHostGroup', 'Running'],
  ])('%s is %s', (name, expected) => {
    expect(readInstanceView(recorded(name).body)).toBe(expected);
  });

  test('with the VM around it', () => {
    const { body } = recorded('vm-expand-deallocated');
    expect(readState(body)).toEqual({
      found: [(body as { id: string }).id.toLowerCase(), 'Deallocated'],
      problem: undefined,
    });
    expect(readState({ id: '/x/virtualMachines/v', properties: { instanceView: 5 } })).toEqual({
      found: ['/x/virtualmachines/v', 'Unknown'],
      problem: expect.stringContaining('"v" with fields that azlin cannot read (instanceView)'),
    });
    expect(readState({})).toMatchObject({ found: undefined, problem: expect.stringContaining('without the id') });
  });

  test.each([null, 3, {}, { statuses: 5 }, { statuses: [null, { code: 5 }] }])('%j is unknown', (raw) => {
    expect(readInstanceView(raw)).toBe('Unknown');
  });

  test('no recording makes a reader throw', () => {
    for (const { body } of RECORDED) {
      const all = (body as { value?: unknown })?.value;
      for (const raw of Array.isArray(all) ? all : [body])
        for (const read of [readVm, readState, readInstanceView]) read(raw);
    }
  });
});
