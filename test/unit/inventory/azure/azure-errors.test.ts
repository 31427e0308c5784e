import { describe, expect, test } from '@jest/globals';
import { azureError, describeRequest, loginHint, refusalError } from '../../../../src/inventory/azure/azure-errors.ts';
import { recorded } from '../../../support/arm-fixtures.ts';

describe('errors', () => {
  const refusal = (name: string) => {
    const { status, body } = recorded(name);
    return refusalError({ status, body: JSON.stringify(body), doing: 'list the virtual machines of subscription s' });
  };

  test.each([
    ['err-401-wrongtenant', 'not-signed-in', /az login --tenant 88d52eb9-4040-4847-b7f2-0d5eeef9cf39/],
    ['err-403-authorizationfailed-sub', 'azure-denied', /Reader/],
    ['err-404-subscriptionnotfound', 'azure-denied', /az account list/],
    ['err-404-resourcegroupnotfound', 'usage', /az group list/],
    ['err-401-expired', 'not-signed-in', /^az login$/],
    ['err-429-subscriptionrequeststhrottled', 'azure-failed', /try again later/],
    ['err-429-arg-ratelimiting', 'azure-failed', /try again later/],
    ['err-500', 'azure-failed', /try again/],
  ])('%s is %s', (name, code, hint) => {
    const error = refusal(name);
    const { message } = (recorded(name).body as { error: { message: string } }).error;
    expect({ code: error.code, hint: error.hint }).toEqual({ code, hint: expect.stringMatching(hint) });
    expect(error.message).toContain(message.slice(0, 80));
  });

  test('a message in capitals, without an envelope', () => {
    expect(refusal('err-429').message).toContain('429: Cannot acquire exclusive lock');
  });

  test('a reply that is no JSON keeps its status', () => {
    for (const body of ['<html>', 'null', '"text"', ''])
      expect(refusalError({ status: 502, body, doing: 'x' }).message).toContain('HTTP status 502');
  });

  test('how long Azure wants to be left alone is said', () => {
    expect(refusalError({ status: 429, body: '', doing: 'x', retryAfter: 1_200_000 }).message).toMatch(
      /Azure says to wait 20 min$/,
    );
  });

  test('the tenant to sign in to, from whoever names it', () => {
    const tenant = '88d52eb9-4040-4847-b7f2-0d5eeef9cf39';
    expect(loginHint(`AADSTS50076: Run: az login --tenant "${tenant}" --scope x`)).toBe(`az login --tenant ${tenant}`);
    expect(loginHint('nothing')).toBe('az login');
  });

  test.each([
    [
      '/subscriptions/S/providers/Microsoft.Compute/virtualMachines',
      'list the virtual machines of subscription "Team" (S)',
    ],
    [
      '/subscriptions/T/resourceGroups/g/providers/Microsoft.Network/networkInterfaces',
      'list the network interfaces of subscription T',
    ],
    [
      '/subscriptions/T/providers/Microsoft.Network/publicIPAddresses',
      'list the public IP addresses of subscription T',
    ],
    ['/subscriptions/T/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/start', 'start the VM "v"'],
    ['/subscriptions/T/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/deallocate', 'stop the VM "v"'],
    [
      '/subscriptions/T/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v/instanceView',
      'read the state of the VM "v"',
    ],
    ['/providers/Microsoft.ResourceGraph/resources', 'query Azure Resource Graph'],
    ['/subscriptions', 'list the subscriptions'],
    ['/subscriptions/T/providers/Microsoft.Compute/locations/l/operations/o', 'follow an operation in subscription T'],
  ])('%s is to %s', (path, doing) => {
    expect(describeRequest(`https://arm${path}?api-version=1`, new Map([['s', 'Team']]))).toBe(doing);
  });

  test('a VM that is gone is not a matter of rights', () => {
    const body = JSON.stringify({ error: { code: 'ResourceNotFound', message: 'gone' } });
    expect(refusalError({ status: 404, body, doing: 'start the VM "v"' }).code).toBe('vm-not-found');
    expect(refusalError({ status: 404, body, doing: 'list the subscriptions' }).code).toBe('azure-denied');
  });

  test('the role that is missing: to read a VM, or to start it', () => {
    const hint = (doing: string) => refusalError({ status: 403, body: '', doing }).hint;
    expect(hint('read the state of the VM "v"')).toMatch(/Reader/);
    expect(hint('start the VM "v"')).toMatch(/Contributor/);
  });

  test('a query that Azure does not take: the way around it', () => {
    expect(refusalError({ status: 400, body: '', doing: 'query Azure Resource Graph' }).hint).toMatch(
      /set inventory\.source to "azure"/,
    );
    expect(refusalError({ status: 400, body: '', doing: 'x' }).hint).not.toMatch(/try again/);
  });

  test('what the SDK throws is sorted', () => {
    const thrown = (message: string, code?: string) =>
      azureError(Object.assign(new Error(message), { code }), 'do it', 'https://arm');
    expect(thrown('connect ECONNREFUSED', 'ECONNREFUSED').message).toMatch(
      /^Cannot do it: cannot reach Azure Resource Manager at https:\/\/arm/,
    );
    expect(thrown('self-signed certificate').hint).toContain('NODE_EXTRA_CA_CERTS');
    const cut = thrown('Error "x" occurred while parsing the response body - {"secret":', 'PARSE_ERROR').message;
    expect(cut).toBe('Cannot do it: https://arm sent a reply that azlin cannot read: it is cut short or not JSON');
    expect(thrown('odd').code).toBe('azure-failed');
  });
});
