import { describe, expect, test } from '@jest/globals';
import { accountsOf, applicationIn } from '../../../../../src/inventory/azure/sign-in/accounts.ts';

const [HOME, WORK, CUSTOMER] = ['home', 'work', 'customer'] as const;
const entry = (id: string, tenantId: string, name: unknown, isDefault = false) => ({
  ...{ id, name: id, isDefault, tenantId, environmentName: undefined },
  user: { name },
});
const profile = [
  entry('sub-home', HOME, 'alice@example.com', true),
  entry('sub-work', WORK, 'alice@work.example'),
  entry('sub-vm', CUSTOMER, 'systemAssignedIdentity'),
  entry('sub-odd', CUSTOMER, 7),
];
const application = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'app' };
const github = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/x', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request' };

describe('who is signed in', () => {
  test('is, with az, whoever is in the tenant of the subscription', () => {
    const accountOf = accountsOf({ environment: {}, profile, only: undefined });
    expect(accountOf('SUB-WORK')).toEqual({ tenant: WORK, subscription: 'sub-work', as: 'alice@work.example' });
    // One that az does not know, and none at all: the one that is set.
    const usual = { tenant: HOME, subscription: null, as: 'alice@example.com' };
    expect([accountOf('unknown'), accountOf(undefined)]).toEqual([usual, usual]);
  });

  test('is nobody where a managed identity is, where the profile makes no sense, and where az may not be used', () => {
    const accountOf = accountsOf({ environment: {}, profile, only: 'cli' });
    expect([accountOf('sub-vm'), accountOf('sub-odd')]).toEqual([undefined, undefined]);
    expect(accountsOf({ environment: {}, profile: [], only: undefined })('sub-home')).toBeUndefined();
    expect(accountsOf({ environment: {}, profile, only: 'managed-identity' })('sub-home')).toBeUndefined();
  });

  test('is the application in the environment before all others', () => {
    const environment = { ...application, AZURE_CLIENT_SECRET: 'secret' };
    const accountOf = accountsOf({ environment, profile, only: undefined });
    expect(accountOf('sub-work')).toEqual({ tenant: 'tenant', subscription: null, as: 'app' });
    expect(accountsOf({ environment, profile, only: 'cli' })('sub-work')?.as).toBe('alice@work.example');
  });
});

test.each([
  [{ ...application, AZURE_CLIENT_SECRET: 'x' }, 'environment'],
  [{ ...application, AZURE_CLIENT_CERTIFICATE_PATH: 'x' }, 'environment'],
  [{ ...application, AZURE_FEDERATED_TOKEN_FILE: 'x' }, 'workload-identity'],
  [{ ...application, ...github }, 'workload-identity'],
  [{ ...application, AZURE_CLIENT_SECRET: 'x', ...github }, 'environment'],
  // Without a secret, the id chooses one of several managed identities.
  [application, undefined],
  [{ ...application, ...github, ACTIONS_ID_TOKEN_REQUEST_URL: 'nonsense' }, undefined],
  [{ AZURE_CLIENT_ID: 'app', AZURE_CLIENT_SECRET: 'x' }, undefined],
])('the application of %j', (environment, kind) => {
  expect(applicationIn(environment, undefined)?.kind).toBe(kind);
});
