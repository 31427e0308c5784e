import { describe, expect, test } from '@jest/globals';
import { type GuardPlace, type GuardRules, guardBy } from '../../../src/mcp/guard.ts';

const TOOLS = ['ssh_execute', 'ssh_list', 'ssh_session_send', 'ssh_status', 'ssh_vm_stop'];
const place = (hostname: string, session = '', tags: Readonly<Record<string, string>> = {}): GuardPlace => {
  const name = hostname.replace(/^.*\//, '');
  return { hostname, session, vm: { name, resourceGroup: 'rg-web', tags } };
};
const address = (session = ''): GuardPlace => ({ hostname: '192.0.2.7', session, vm: null });
const guard = (rules: Partial<GuardRules>) =>
  guardBy({ isReadOnly: false, allow: [], confirm: [], deny: [], ...rules }, TOOLS);
const judge = (rules: Partial<GuardRules>, tool: string, at?: GuardPlace) =>
  guard(rules).judge({ tool, place: at }).kind;

describe('what agents may do', () => {
  test.each([
    [{}, 'ssh_execute', place('vm'), 'allowed'],
    [{ deny: ['ssh_vm_stop'] }, 'ssh_vm_stop', undefined, 'denied'],
    [{ deny: ['ssh_vm_*'] }, 'ssh_vm_stop', place('vm'), 'denied'],
    [{ deny: ['ssh_vm_*'] }, 'ssh_execute', place('vm'), 'allowed'],
    [{ deny: ['prod-*'] }, 'ssh_status', place('prod-1', 'dev'), 'denied'],
    [{ deny: ['prod-*'] }, 'ssh_status', place('PROD-1'), 'denied'],
    [{ deny: ['prod-*'] }, 'ssh_status', place('rg-web/prod-1'), 'denied'],
    [{ deny: ['rg-web/*'] }, 'ssh_status', place('rg-web/prod-1'), 'denied'],
    [{ deny: ['rg-web/*'] }, 'ssh_status', place('prod-1'), 'denied'],
    [{ deny: ['rg-*/web-1'] }, 'ssh_status', place('prod-1'), 'allowed'],
    [{ deny: ['prod-*'] }, 'ssh_list', undefined, 'allowed'],
    // An address could be that of any VM.
    [{ deny: ['prod-*'] }, 'ssh_status', address(), 'denied'],
    [{ deny: ['tag:env=prod'] }, 'ssh_status', address(), 'denied'],
    [{ confirm: ['prod-*'] }, 'ssh_status', address(), 'confirm'],
    [{ allow: ['dev-*'] }, 'ssh_status', address(), 'denied'],
    [{ allow: ['192.0.2.*'] }, 'ssh_status', address(), 'allowed'],
    [{ allow: ['tag:env=dev'] }, 'ssh_status', address(), 'denied'],
    [{ deny: ['*:main'] }, 'ssh_status', address('dev'), 'allowed'],
    [{ deny: ['ssh_vm_stop'] }, 'ssh_status', address(), 'allowed'],
    [{ deny: ['*:main'] }, 'ssh_session_send', place('vm', 'main'), 'denied'],
    [{ deny: ['*:main'] }, 'ssh_session_send', place('vm', 'Main'), 'allowed'],
    [{ deny: ['ssh_execute prod-*'] }, 'ssh_execute', place('prod-1'), 'denied'],
    [{ deny: ['ssh_execute prod-*'] }, 'ssh_status', place('prod-1'), 'allowed'],
    [{ deny: ['tag:env=prod'] }, 'ssh_execute', place('vm', '', { Env: 'prod' }), 'denied'],
    [{ deny: ['tag:env=prod'] }, 'ssh_execute', place('vm', '', { env: 'test' }), 'allowed'],
    [{ deny: ['tag:locked'] }, 'ssh_execute', place('vm', '', { locked: '' }), 'denied'],
    // Only what is allowed; before the place is known, what may be.
    [{ allow: ['dev-*'] }, 'ssh_execute', undefined, 'allowed'],
    [{ allow: ['dev-*'] }, 'ssh_execute', place('dev-1'), 'allowed'],
    [{ allow: ['dev-*'] }, 'ssh_execute', place('prod-1'), 'denied'],
    [{ allow: ['ssh_status'] }, 'ssh_execute', undefined, 'denied'],
    [{ allow: ['ssh_status', 'ssh_execute dev-*'] }, 'ssh_execute', place('dev-1'), 'allowed'],
    // What a person is asked about is allowed when they agree.
    [{ confirm: ['ssh_vm_stop'] }, 'ssh_vm_stop', undefined, 'confirm'],
    [{ allow: ['dev-*'], confirm: ['prod-*'] }, 'ssh_execute', undefined, 'allowed'],
    [{ allow: ['dev-*'], confirm: ['prod-*'] }, 'ssh_execute', place('prod-1'), 'confirm'],
    [{ allow: ['dev-*'], confirm: ['prod-*'] }, 'ssh_execute', place('db'), 'denied'],
    [{ confirm: ['prod-*'], deny: ['prod-1'] }, 'ssh_execute', place('prod-1'), 'denied'],
    [{ allow: ['prod-*'], confirm: ['prod-1'] }, 'ssh_execute', place('prod-1'), 'confirm'],
  ] as const)('%j: %s at %j is %s', (rules, tool, at, verdict) => {
    expect(judge(rules, tool, at)).toBe(verdict);
  });

  test('whether rules are about sessions', () => {
    expect([{ deny: ['prod-*', '*:main'] }, { deny: ['prod-*'] }].map((rules) => guard(rules).isAboutSessions)).toEqual(
      [true, false],
    );
  });

  test.each(['', '  ', 'a:b:c', ':dev', 'ssh_exec', 'ssh_vm_stopp prod-*'])('%j is no rule', (rule) => {
    expect(() => judge({ deny: [rule] }, 'ssh_list')).toThrow();
  });
});
