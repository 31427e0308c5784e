import { describe, expect, test } from '@jest/globals';
import { describeHop, parseHops } from '../../../src/domain/jump.ts';
import { endpointKey, endpointOfAddress, endpointOfVm } from '../../../src/transport/endpoint.ts';
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
