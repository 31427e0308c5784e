import { describe, expect, test } from '@jest/globals';
import { azureScope, type ProfileEntry } from '../../../../src/inventory/azure/scope.ts';

const [A, B] = ['aaaaaaaa-0000-0000-0000-000000000000', 'bbbbbbbb-0000-0000-0000-000000000000'];
const entry = (id: string, tenantId: string, isDefault = false): ProfileEntry => ({
  ...{ id: `${id.repeat(8)}-0000-0000-0000-000000000000`, name: id, isDefault, tenantId },
  environmentName: undefined,
});
const PROFILE = [entry('1', A, true), entry('2', B), entry('3', A)];

const asked = (subscriptions: readonly string[], tenant?: string, profile: readonly ProfileEntry[] = PROFILE) => {
  const { subscriptions: found } = azureScope({ subscriptions, tenant }, profile);
  return found === 'all' ? found : found.map(({ name, tenant: own }) => [name, own]);
};

describe('the tenant that is asked; undefined: that of azure.tenant, else the active one', () => {
  test('without azure.tenant a subscription of another tenant has its own', () => {
    expect(asked(['1', '2', '3'])).toEqual([
      ['1', undefined],
      ['2', B],
      ['3', undefined],
    ]);
  });

  test('what az knows counts more than azure.tenant', () => {
    expect(asked(['1', '2'], B)).toEqual([
      ['1', A],
      ['2', undefined],
    ]);
    expect(asked(['ffffffff-0000-0000-0000-000000000000'], B)).toEqual([[undefined, undefined]]);
  });

  test('without a subscription, the one of that tenant', () => {
    expect(asked([], B)).toEqual([['2', undefined]]);
    expect(asked([], A.toUpperCase())).toEqual([['1', undefined]]);
    expect(asked([], 'contoso.onmicrosoft.com')).toEqual([['1', A]]);
    expect(() => asked([], B, [entry('1', A, true), entry('2', B), entry('4', B)])).toThrow(/is not in the tenant/);
    expect(() => asked([], 'cccccccc-0000-0000-0000-000000000000')).toThrow(/is not in the tenant/);
  });
});
