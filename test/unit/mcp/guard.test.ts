import { describe, expect, test } from '@jest/globals';
import { type GuardPlace, type GuardRules, guardBy } from '../../../src/mcp/guard.ts';

const place = (hostname: string, session = '', tags: GuardPlace['tags'] = {}): GuardPlace => ({
  hostname,
  session,
  tags,
});
const judge = (rules: Partial<GuardRules>, tool: string, at?: GuardPlace) =>
  guardBy({ isReadOnly: false, allow: [], confirm: [], deny: [], ...rules })({ tool, place: at }).kind;

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
    [{ deny: ['prod-*'] }, 'ssh_list', undefined, 'allowed'],
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

  test.each(['', '  ', 'a:b:c', ':dev'])('%j is no rule', (rule) => {
    expect(() => judge({ deny: [rule] }, 'ssh_list')).toThrow();
  });
});
