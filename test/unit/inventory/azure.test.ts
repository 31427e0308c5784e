import { readFileSync } from 'node:fs';
import type { VirtualMachine } from '@azure/arm-compute';
import { describe, expect, test } from '@jest/globals';
import { joinAddresses, type NetworkInterface, type PublicIpAddress } from '../../../src/inventory/azure/addresses.ts';
import { azureError, refusalError } from '../../../src/inventory/azure/azure-errors.ts';
import { powerStateOf, vmFromAzure } from '../../../src/inventory/azure/vm-from-azure.ts';

/** A recorded reply of Resource Manager. */
function reply(name: string): { readonly status: number; readonly body: unknown } {
  const path = new URL(`../../fixtures/arm/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')).response;
}
const bodyOf = <T>(name: string) => reply(name).body as T;

describe('addresses', () => {
  test('the primary configuration wins, ids compare without case', () => {
    const nic = bodyOf<NetworkInterface>('nic-multi-ipconfig-0');
    const ip: PublicIpAddress = {
      id: nic.properties?.ipConfigurations?.[0]?.properties?.publicIPAddress?.id?.toUpperCase() ?? '',
      properties: { ipAddress: '20.1.2.3' },
    };
    const addresses = joinAddresses([nic], [ip]);
    expect(addresses.of([nic.id?.toUpperCase() ?? ''])).toEqual({ publicIp: '20.1.2.3', privateIp: '10.0.0.22' });
    expect(addresses.of(['/no/such/nic'])).toEqual({ publicIp: null, privateIp: null });
    expect(addresses.of([])).toEqual({ publicIp: null, privateIp: null });
  });

  test('a public address that is not assigned is none', () => {
    const ip = bodyOf<PublicIpAddress>('pip-dynamic-unassigned');
    const nic = {
      id: 'nic',
      properties: {
        ipConfigurations: [{ properties: { publicIPAddress: { id: ip.id ?? '' }, privateIPAddress: '10.0.0.4' } }],
      },
    };
    expect(joinAddresses([nic], [ip]).of(['NIC'])).toEqual({ publicIp: null, privateIp: '10.0.0.4' });
  });

  test('the primary interface is asked first, IPv4 before IPv6', () => {
    const nic = (id: string, ...properties: object[]) => ({
      id,
      properties: { ipConfigurations: properties.map((one) => ({ properties: one })) },
    });
    const six = { privateIPAddress: 'fd00::4', privateIPAddressVersion: 'IPv6' };
    const four = { privateIPAddress: '10.0.0.5', privateIPAddressVersion: 'IPv4' };
    const second = nic('b', { privateIPAddress: '10.9.9.9', primary: true });
    expect(joinAddresses([second, nic('a', six, four)], []).of(['a', 'b']).privateIp).toBe('10.0.0.5');
    expect(joinAddresses([nic('a', six, four), second], []).of(['b', 'a']).privateIp).toBe('10.9.9.9');
  });

  test('a resource group is spelled as Network spells it', () => {
    const { value } = bodyOf<{ value: NetworkInterface[] }>('network-2024-05-01-NetworkInterfaceListAll');
    const addresses = joinAddresses(value, []);
    const group = /resourceGroups\/([^/]+)/.exec(value[0]?.id ?? '')?.[1] ?? '';
    expect(addresses.spellingOf(group.toUpperCase())).toBe(group);
    expect(addresses.spellingOf('OTHER')).toBe('OTHER');
  });
});

describe('power state', () => {
  test.each([
    ['PowerState/running', 'Running'],
    ['powerstate/Deallocating', 'Stopping'],
    ['PowerState/stopped', 'Stopped'],
    ['PowerState/hibernated', 'Unknown'],
    ['ProvisioningState/succeeded', 'Unknown'],
  ])('%s is %s', (code, expected) => {
    expect(powerStateOf([{ code: 'ProvisioningState/succeeded' }, { code }])).toBe(expected);
  });

  test('none is unknown', () => {
    expect(powerStateOf(undefined)).toBe('Unknown');
    expect(powerStateOf([{}])).toBe('Unknown');
  });
});

describe('vmFromAzure', () => {
  const none = joinAddresses([], []);

  test('a VM of which Azure says little', () => {
    const { value } = bodyOf<{ value: VirtualMachine[] }>('compute-2024-11-01-VirtualMachine_ListAll_MinimumSet');
    expect(vmFromAzure(value[0] as VirtualMachine, 'Unknown', none)).toMatchObject({
      name: '{virtualMachineName}',
      resourceGroup: '{resourceGroupName}',
      subscriptionId: '{subscriptionId}',
      region: 'eastus',
      size: '',
      powerState: 'Unknown',
      publicIp: null,
      adminUser: null,
      os: 'unknown',
      tags: {},
    });
  });

  test('without any id it still is a VM with a name', () => {
    expect(vmFromAzure({ location: 'x', name: 'odd' }, 'Running', none)).toMatchObject({
      name: 'odd',
      resourceGroup: '',
    });
  });
});

describe('errors', () => {
  const refusal = (name: string) => {
    const { status, body } = reply(name);
    return refusalError({ status, body: JSON.stringify(body), what: 'virtual machines of subscription s' });
  };

  test.each([
    ['err-401-wrongtenant', 'not-signed-in', /az login --tenant 88d52eb9-4040-4847-b7f2-0d5eeef9cf39/],
    ['err-403-authorizationfailed-sub', 'azure-denied', /Reader/],
    ['err-404-subscriptionnotfound', 'azure-denied', /az account list/],
    ['err-404-resourcegroupnotfound', 'usage', /az group list/],
    ['err-429-subscriptionrequeststhrottled', 'azure-failed', /try again in a minute/],
    ['err-500', 'azure-failed', /try again/],
  ])('%s is %s', (name, code, hint) => {
    const error = refusal(name);
    const { message } = (reply(name).body as { error: { message: string } }).error;
    expect({ code: error.code, hint: error.hint }).toEqual({ code, hint: expect.stringMatching(hint) });
    expect(error.message).toContain(message.slice(0, 80));
  });

  test('a reply that is no JSON keeps its status', () => {
    expect(refusalError({ status: 502, body: '<html>', what: 'x' }).message).toContain('HTTP status 502');
  });

  test('what the SDK throws is sorted', () => {
    const named = (name: string, message: string, extra = {}) => Object.assign(new Error(message), { name, ...extra });
    expect(azureError(named('CredentialUnavailableError', 'no az'), 'https://arm').code).toBe('not-signed-in');
    const chain = named('AggregateAuthenticationError', 'all', {
      errors: [new Error('first reason'), new Error('second\nreason')],
    });
    expect(azureError(chain, 'https://arm').message).toContain('\n  first reason\n  second reason');
    expect(
      azureError(named('RestError', 'connect ECONNREFUSED', { code: 'ECONNREFUSED' }), 'https://arm').message,
    ).toContain('Cannot reach');
    expect(azureError(new TypeError("Cannot read properties of undefined (reading 'map')"), 'https://arm').code).toBe(
      'azure-failed',
    );
  });
});
