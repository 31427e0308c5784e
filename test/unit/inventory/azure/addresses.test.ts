import { describe, expect, test } from '@jest/globals';
import {
  type AddressPair,
  joinAddresses,
  readInterface,
  readPublicIp,
} from '../../../../src/inventory/azure/addresses.ts';
import { RECORDED, recorded, recordedResources } from '../../../support/arm-fixtures.ts';

const ref = (key: string, primary = false) => ({ key: key.toLowerCase(), primary });

/** Joins things as Resource Manager sends them. */
function addresses(interfaces: readonly unknown[], publicIps: readonly unknown[]) {
  return joinAddresses(
    interfaces.flatMap((raw) => readInterface(raw).found ?? []),
    publicIps.flatMap((raw) => readPublicIp(raw).found ?? []),
  );
}

const nic = (id: string, configurations: readonly object[], more = {}) => ({
  id,
  properties: { ipConfigurations: configurations.map((properties) => ({ properties })), ...more },
});

const NOWHERE = { publicIp: null, privateIp: null, network: null };

describe('addresses', () => {
  test.each(['nic-multi-ipconfig-0', 'nic-ipv6'])(
    '%s: the primary configuration wins, ids compare without case',
    (name) => {
      const raw = recorded(name).body as { id: string };
      const ipId = JSON.stringify(raw).match(/"([^"]+publicIPAddresses[^"]+)"/)?.[1] ?? '';
      const joined = addresses([raw], [{ id: ipId.toUpperCase(), properties: { ipAddress: '20.1.2.3' } }]);
      expect(joined.of([ref(raw.id.toUpperCase())])).toEqual({
        ...{ publicIp: '20.1.2.3', privateIp: '10.0.0.22' },
        network: `${raw.id.toLowerCase().replace(/networkinterfaces.*/, '')}virtualnetworks/test-vnet`,
      });
      expect(joined.of([ref('/no/such/nic')])).toEqual(NOWHERE);
      expect(joined.of([])).toEqual(NOWHERE);
    },
  );

  test('a public address that is not assigned is none', () => {
    const ip = recorded('pip-dynamic-unassigned').body as { id: string };
    const raw = nic('nic', [{ publicIPAddress: { id: ip.id }, privateIPAddress: '10.0.0.4' }]);
    expect(addresses([raw], [ip]).of([ref('NIC')])).toEqual({ ...NOWHERE, privateIp: '10.0.0.4' });
  });

  test('two interfaces with one private address stay apart, and one without a VM harms nobody', () => {
    const { value } = recorded('network-2024-05-01-NetworkInterfaceListAll').body as { value: { id: string }[] };
    const ips = recorded('network-2024-01-01-PublicIpAddressListAll').body as { value: unknown[] };
    const joined = addresses(value, ips.value);
    const of = (group: string, name: string) =>
      `/subscriptions/subid/resourcegroups/${group}/providers/microsoft.network/virtualnetworks/${name}`;
    const networks = [of('rg1', 'rg1-vnet'), of('rgnew', 'rgnew-vnet2')];
    expect(value.map(({ id }) => joined.of([ref(id)]))).toEqual(
      networks.map((network) => ({ ...NOWHERE, privateIp: '172.20.2.4', network })),
    );
  });

  test('all public addresses of a recording', () => {
    const { value } = recorded('network-2024-01-01-PublicIpAddressListAll').body as { value: unknown[] };
    expect(value.map((raw) => readPublicIp(raw).found?.address)).toEqual([null, '40.85.154.247', '40.85.154.248']);
  });

  const four = { privateIPAddress: '10.0.0.5', privateIPAddressVersion: 'IPv4' };
  const six = { privateIPAddress: 'fd00::4', privateIPAddressVersion: 'IPv6' };
  const primary = { privateIPAddress: '10.9.9.9', primary: true };
  const privateIp = (pair: AddressPair) => pair.privateIp;

  test('IPv4 before IPv6, the primary one before both', () => {
    const of = (...configurations: object[]) => privateIp(addresses([nic('a', configurations)], []).of([ref('a')]));
    expect(of(six, four)).toBe('10.0.0.5');
    expect(of(six, four, primary)).toBe('10.9.9.9');
    expect(of(six)).toBe('fd00::4');
    expect(of({ primary: true }, six)).toBe('fd00::4');
  });

  test('the primary interface: by the word of the VM, else by its own', () => {
    const a = nic('a', [four]);
    const b = nic('b', [primary], { primary: true });
    const joined = addresses([a, b], []);
    expect(privateIp(joined.of([ref('a', true), ref('b')]))).toBe('10.0.0.5');
    expect(privateIp(joined.of([ref('a'), ref('b', true)]))).toBe('10.9.9.9');
    expect(privateIp(joined.of([ref('a'), ref('b')]))).toBe('10.9.9.9');
  });

  test('a resource group is spelled as Network spells it', () => {
    const { value } = recorded('network-2024-05-01-NetworkInterfaceListAll').body as { value: { id: string }[] };
    const joined = addresses(value, []);
    expect(joined.spellingOf('RGNEW')).toBe('rgnew');
    expect(joined.spellingOf('OTHER')).toBe('OTHER');
  });

  test('every recorded interface and address can be read, and makes sense', () => {
    for (const { raw } of recordedResources(/networkInterfaces$/)) {
      const { found, problem } = readInterface(raw);
      expect(found?.configurations).not.toEqual([]);
      expect(problem).toBeUndefined();
    }
    for (const { raw } of recordedResources(/publicIPAddresses$/))
      expect(readPublicIp(raw)).toMatchObject({ found: { key: expect.stringMatching(/^\//) }, problem: undefined });
  });

  test('what makes no sense is nothing, is said, and throws nothing', () => {
    for (const raw of [null, 5, [], {}, { id: 5 }])
      for (const read of [readInterface, readPublicIp])
        expect(read(raw)).toEqual({ found: undefined, problem: expect.stringContaining('without an id') });
    expect(readInterface({ id: '/x/a', properties: { ipConfigurations: 'x' } })).toMatchObject({
      found: { configurations: [] },
      problem: 'Azure sent a network interface "a" with fields that azlin cannot read (ipConfigurations)',
    });
    const odd = nic('/x/a', [{ privateIPAddress: '-oProxyCommand=x', publicIPAddress: 'x' }]);
    expect(readInterface(odd).problem).toMatch(
      /"a" with fields that azlin cannot read \(publicIPAddress, privateIPAddress\)/,
    );
    expect(readPublicIp({ id: '/x/i', properties: { ipAddress: 'evil.example' } })).toMatchObject({
      found: { address: null },
      problem: 'Azure sent a public IP address "i" with fields that azlin cannot read (ipAddress)',
    });
    expect(addresses([odd], []).of([ref('/x/a')])).toEqual(NOWHERE);
    for (const { body } of RECORDED) {
      readInterface(body);
      readPublicIp(body);
    }
  });
});
