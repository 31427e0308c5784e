import { describe, expect, test } from '@jest/globals';
import { type Bastion, describeHop, describeWay, parseHops } from '../../../src/domain/route.ts';
import type { Vm } from '../../../src/domain/vm.ts';
import { endpointKey, endpointOfAddress, endpointOfVm, type LoginChoice } from '../../../src/transport/endpoint.ts';
import type { JumpSettings } from '../../../src/transport/route.ts';
import { aVm } from '../../support/vm.ts';

const NONE: JumpSettings = { flag: undefined, environment: undefined, rules: [], general: undefined };
const inside = aVm('inside', {
  publicIp: null,
  privateIp: '10.0.0.4',
  resourceGroup: 'rg-prod',
  tags: { Env: 'prod' },
});
const outside = aVm('outside', { resourceGroup: 'rg-prod' });
const rule = (proxyjump: string, resourceGroup?: string, tag?: string) => ({ proxyjump, resourceGroup, tag });
const hopsOf = (jump: Partial<JumpSettings>, vm = inside) => {
  const { route } = endpointOfVm(vm, { jump: { ...NONE, ...jump } });
  return route.kind === 'jump' ? route.hops.map(describeHop).join(',') : route.kind;
};

describe('the way to a VM', () => {
  test('flag, tag, environment, rules, general setting', () => {
    const tagged = { ...inside, tags: { 'azlin-ssh-jump': 'tagged' } };
    const all = { flag: 'flag', environment: 'environment', rules: [rule('rule')], general: 'general' };
    expect(hopsOf(all, tagged)).toBe('flag');
    expect(hopsOf({ ...all, flag: undefined }, tagged)).toBe('tagged');
    expect(hopsOf({ ...all, flag: undefined })).toBe('environment');
    expect(hopsOf({ rules: all.rules, general: 'general' })).toBe('rule');
    expect(hopsOf({ general: 'general' })).toBe('general');
    expect(hopsOf({})).toBe('direct');
    expect(hopsOf({ ...all, flag: 'none' }, tagged)).toBe('direct');
  });

  test('the first rule that fits counts: resource group and tag without case, values with case', () => {
    const rules = [rule('other', 'rg-test'), rule('both', 'RG-PROD', 'env=prod'), rule('group', 'rg-prod')];
    expect(hopsOf({ rules })).toBe('both');
    expect(hopsOf({ rules }, { ...inside, tags: { env: 'Prod' } })).toBe('group');
    expect(hopsOf({ rules: [rule('any-value', undefined, 'ENV')] })).toBe('any-value');
    expect(hopsOf({ rules: [rule('none'), rule('x')] })).toBe('direct');
  });

  test('rules leave a VM with a public address alone, the rest does not', () => {
    expect(hopsOf({ rules: [rule('rule')] }, outside)).toBe('direct');
    expect(hopsOf({ rules: [rule('rule')], general: 'general' }, outside)).toBe('general');
  });

  test('an address has no tags and no rules, and its jump hosts are no VMs', () => {
    const jump = { ...NONE, rules: [rule('rule')], general: 'general' };
    expect(endpointOfAddress('10.0.0.4', { jump }).route).toEqual({
      kind: 'jump',
      hops: parseHops('general', ''),
      inFleet: false,
    });
  });

  describe('through Bastions', () => {
    const bastion = (name: string, more: Partial<Bastion> = {}): Bastion => ({
      ...{ id: `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/bastionHosts/${name}`, name },
      ...{ sku: 'Standard', dnsName: 'bst.example', hasTunnels: true, hasIpConnect: false, tenant: null, ...more },
    });
    const near = (own: readonly Bastion[], peered: readonly Bastion[] = []) => ({
      ...inside,
      bastions: { own, peered },
    });
    const wayTo = (vm: Vm, choice: LoginChoice = {}) => {
      const { route } = endpointOfVm(vm, choice);
      return route.kind === 'bastion' ? describeWay(route) : route.kind;
    };
    const one = near([bastion('one')], [bastion('hub')]);

    test('auto: that of the own network, else a peered one; no other way may lead there', () => {
      expect(wayTo(one)).toBe(' through Bastion one');
      expect(wayTo(near([], [bastion('hub')]))).toBe(' through Bastion hub');
      expect(wayTo(near([bastion('small', { sku: 'Basic' })], [bastion('hub')]))).toBe(' through Bastion hub');
      expect(wayTo(near([bastion('off', { hasTunnels: false })]))).toBe('direct');
      expect(wayTo({ ...one, publicIp: '20.1.2.3' })).toBe('direct');
      expect(wayTo({ ...one, tags: { 'azlin-ssh-host': '10.0.0.9' } })).toBe('direct');
      for (const jump of [
        { ...NONE, general: 'none' },
        { ...NONE, rules: [rule('none')] },
      ])
        expect(endpointOfVm(one, { jump }).route.kind).toBe('direct');
      expect(endpointOfVm(one, { jump: { ...NONE, rules: [rule('gate')] } }).route.kind).toBe('jump');
      expect(() => wayTo(near([bastion('a'), bastion('b')]))).toThrow(
        '"inside" can be reached through several Bastions: a, b',
      );
    });

    test('flag, tag, environment, setting; each says never, auto, or which', () => {
      const tagged = { ...one, tags: { 'azlin-ssh-bastion': 'hub' } };
      const general = { general: { named: 'hub' } };
      expect(wayTo(tagged)).toBe(' through Bastion hub');
      expect(wayTo(tagged, { bastion: { flag: { named: 'ONE' } } })).toBe(' through Bastion one');
      expect(wayTo(tagged, { bastion: { flag: 'never' } })).toBe('direct');
      expect(wayTo(tagged, { bastion: { flag: 'auto' } })).toBe(' through Bastion one');
      expect(wayTo(tagged, { bastion: { environment: 'never' } })).toBe(' through Bastion hub');
      expect(wayTo(one, { bastion: { environment: 'never', ...general } })).toBe('direct');
      expect(wayTo(one, { bastion: general })).toBe(' through Bastion hub');
      // A general setting is for those that need it.
      expect(wayTo({ ...one, publicIp: '20.1.2.3' }, { bastion: general })).toBe('direct');
      expect(wayTo({ ...one, publicIp: '20.1.2.3' }, { bastion: { flag: { named: 'one' } } })).toBe(
        ' through Bastion one',
      );
      expect(() => wayTo({ ...one, tags: { 'azlin-ssh-bastion': 'a b' } })).toThrow(
        'The tag azlin-ssh-bastion of "inside" names no Bastion',
      );
      expect(() => wayTo(one, { bastion: { flag: { named: 'other' } } })).toThrow(
        'No Bastion "other" is known near "inside"; there is one, hub',
      );
    });

    test('an address is reached through a Bastion by its id, and a general one serves private addresses', () => {
      const { id } = bastion('one');
      const at = (address: string, choice: LoginChoice) => endpointOfAddress(address, choice).route;
      expect(at('10.1.2.3', { bastion: { flag: { named: id } } })).toEqual({
        kind: 'bastion',
        bastion: id,
        vmId: undefined,
      });
      expect(at('172.31.0.1', { bastion: { general: { named: id } } }).kind).toBe('bastion');
      for (const address of ['20.1.2.3', '172.32.0.1', 'host.example'])
        expect(at(address, { bastion: { general: { named: id } } }).kind).toBe('direct');
    });
  });

  test('two ways are two connections', () => {
    const direct = endpointOfVm(inside, {});
    const over = endpointOfVm(inside, { jump: { ...NONE, flag: 'bastion' } });
    expect(endpointKey(direct)).not.toBe(endpointKey(over));
  });
});

describe('jump hosts', () => {
  test.each([
    ['bastion', [{ user: undefined, host: 'bastion', port: undefined }]],
    [
      'alice@10.0.0.4:2222, inner',
      [
        { user: 'alice', host: '10.0.0.4', port: 2222 },
        { user: undefined, host: 'inner', port: undefined },
      ],
    ],
    ['ssh://bob@bastion.example.com:22/', [{ user: 'bob', host: 'bastion.example.com', port: 22 }]],
    ['[2001:db8::4]:22', [{ user: undefined, host: '2001:db8::4', port: 22 }]],
    ['a@corp.example@bastion', [{ user: 'a@corp.example', host: 'bastion', port: undefined }]],
    ['(rg)-1/büro', [{ user: undefined, host: '(rg)-1/büro', port: undefined }]],
    ['rg-1/bastion', [{ user: undefined, host: 'rg-1/bastion', port: undefined }]],
    ['NONE', []],
  ])('%s', (text, hops) => {
    expect(parseHops(text, 'here')).toEqual(hops);
  });

  test.each(['', 'a b', '-x', '-oProxyCommand=x@h', 'a,,b', 'a:0', 'a:65536', '$(x)', 'a;b', 'h:p'])(
    '"%s" is none',
    (text) => {
      expect(() => parseHops(text, '--jump')).toThrow(`Invalid jump host in --jump: "${text}"`);
    },
  );
});
