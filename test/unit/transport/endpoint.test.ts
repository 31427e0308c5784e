import { describe, expect, test } from '@jest/globals';
import { endpointOfAddress, endpointOfVm } from '../../../src/transport/endpoint.ts';
import { aVm } from '../../support/vm.ts';

describe('endpointOfVm', () => {
  const vm = aVm('myvm', { adminUser: 'admin', tags: { 'azlin-ssh-user': 'tagged', 'azlin-ssh-port': '2222' } });

  test('user: flag, identifier, tag, settings, admin user, azureuser', () => {
    const all = { flagUser: 'flag', identifierUser: 'identifier', settingsUser: 'settings' };
    expect(endpointOfVm(vm, all).user).toBe('flag');
    expect(endpointOfVm(vm, { ...all, flagUser: undefined }).user).toBe('identifier');
    expect(endpointOfVm(vm, { settingsUser: 'settings' }).user).toBe('tagged');
    expect(endpointOfVm(aVm('a', { adminUser: 'admin' }), { settingsUser: 'settings' }).user).toBe('settings');
    expect(endpointOfVm(aVm('a', { adminUser: 'admin' }), {}).user).toBe('admin');
    expect(endpointOfVm(aVm('a', { adminUser: null }), {}).user).toBe('azureuser');
  });

  test('port: flag, tag, settings, 22', () => {
    expect(endpointOfVm(vm, { flagPort: 1, settingsPort: 3 }).port).toBe(1);
    expect(endpointOfVm(vm, { settingsPort: 3 }).port).toBe(2222);
    expect(endpointOfVm(aVm('a'), { settingsPort: 3 }).port).toBe(3);
    expect(endpointOfVm(aVm('a'), {}).port).toBe(22);
  });

  test('host keys go with the VM, not with its address', () => {
    expect(endpointOfVm(aVm('a', { publicIp: '127.0.0.5' }), {}).hostKeyAlias).toBe(
      endpointOfVm(aVm('a', { publicIp: '127.0.0.6' }), {}).hostKeyAlias,
    );
    expect(endpointOfAddress('127.0.0.5', { flagPort: 2222 }).hostKeyAlias).toBe('[127.0.0.5]:2222');
    expect(endpointOfAddress('127.0.0.5', {}).hostKeyAlias).toBe('127.0.0.5');
  });

  test('what makes no sense is an error', () => {
    expect(() => endpointOfVm(aVm('a', { publicIp: null }), {})).toThrow(
      expect.objectContaining({ code: 'unreachable' }),
    );
    expect(() => endpointOfVm(aVm('a', { tags: { 'azlin-ssh-port': 'x' } }), {})).toThrow(
      expect.objectContaining({ code: 'config' }),
    );
    expect(() => endpointOfVm(aVm('a', { tags: { 'azlin-ssh-host': 'a b' } }), {})).toThrow(
      expect.objectContaining({ code: 'config' }),
    );
  });
});
