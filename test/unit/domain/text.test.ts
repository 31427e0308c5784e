import { describe, expect, test } from '@jest/globals';
import { formatDuration, parseDuration } from '../../../src/domain/duration.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { exitStatusOf } from '../../../src/domain/outcome.ts';
import { sessionNameProblem, sessionsNamed } from '../../../src/domain/session.ts';
import { printable, shorten } from '../../../src/domain/text.ts';
import { addressOf, mayAnswer, tagOf } from '../../../src/domain/vm.ts';
import { aSession, aVm } from '../../support/vm.ts';

test.each([
  ['plain é 東京', 'plain é 東京'],
  ['a\u001b[31mred\u001b[0m', 'ared'],
  ['title\u001b]0;owned\u0007!', 'title!'],
  ['title\u001b]0;owned\u001b\\!', 'title!'],
  ['tab\tand\r\nline', 'tabandline'],
  ['c1\u0085\u009b31m', 'c131m'],
  ['bidi\u202e\u2066\u200f', 'bidi'],
  ['lines\u2028\u2029', 'lines'],
])('printable(%j)', (text, expected) => {
  expect(printable(text)).toBe(expected);
});

test('shorten counts characters and marks the cut', () => {
  expect([shorten('abcdef', 6), shorten('abcdef', 4), shorten('😀😀😀', 2)]).toEqual(['abcdef', 'abc…', '😀…']);
});

test.each([
  ['90', 90_000],
  ['1.5m', 90_000],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['soon', undefined],
])('parseDuration(%j)', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test('formatDuration', () => {
  expect([500, 1_500, 90_000, 180_000, 10_800_000].map(formatDuration)).toEqual([
    '500 ms',
    '1.5 s',
    '90 s',
    '3 min',
    '3 h',
  ]);
});

describe('session names', () => {
  test.each(['dev', 'é', 'a b', 'feature/x', 'a@b', 'x'.repeat(64), '東'.repeat(64)])('%s is one', (name) => {
    expect(sessionNameProblem(name)).toBeUndefined();
  });
  test.each(['', 'a:b', 'a.b', ' a', 'a ', '-a', '=a', '$a', '@a', '%a', 'a\tb', 'a\u0085b', 'x'.repeat(65)])(
    '%j is none',
    (name) => {
      expect(sessionNameProblem(name)).toEqual(expect.any(String));
    },
  );
  test('the own name wins over friendly names', () => {
    const sessions = [aSession('a', { friendlyName: 'b' }), aSession('b'), aSession('c', { friendlyName: 'd' })];
    expect(sessionsNamed(sessions, 'b').map(({ name }) => name)).toEqual(['b']);
    expect(sessionsNamed(sessions, 'd').map(({ name }) => name)).toEqual(['c']);
  });
});

describe('exit status', () => {
  const cause = new AppError('connection-lost', 'x');
  test.each([
    [{ kind: 'exited', code: 3 } as const, 3],
    [{ kind: 'signaled', signal: 'TERM' } as const, 143],
    [{ kind: 'signaled', signal: 'SIGKILL' } as const, 137],
    [{ kind: 'timed-out' } as const, 124],
    [{ kind: 'lost', cause } as const, 255],
    [{ kind: 'not-started', cause } as const, 255],
    [{ kind: 'lost', cause: new AppError('interrupted', 'x') } as const, 130],
  ])('%j is %i', (outcome, expected) => {
    expect(exitStatusOf(outcome)).toBe(expected);
  });
});

describe('a VM', () => {
  test('is reached by tag, public, private address, in this order', () => {
    const vm = aVm('a', { publicIp: '1.1.1.1', privateIp: '10.0.0.4' });
    expect(addressOf({ ...vm, tags: { 'Azlin-SSH-Host': 'bastion' } })).toBe('bastion');
    expect(addressOf(vm)).toBe('1.1.1.1');
    expect(addressOf({ ...vm, publicIp: null })).toBe('10.0.0.4');
    expect(addressOf({ ...vm, publicIp: null, privateIp: null })).toBeNull();
    expect(tagOf(vm, 'x')).toBeUndefined();
  });
  test('may answer unless Azure says it is down, or it runs Windows', () => {
    expect(mayAnswer(aVm('a'))).toBe(true);
    expect(mayAnswer(aVm('a', { powerState: 'Unknown' }))).toBe(true);
    expect(mayAnswer(aVm('a', { powerState: 'Stopped' }))).toBe(false);
    expect(mayAnswer(aVm('a', { os: 'windows' }))).toBe(false);
  });
});
