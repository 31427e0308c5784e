import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { escapedIdentifier } from '../../../src/domain/fold-names.ts';
import { namePattern } from '../../../src/targets/pattern.ts';
import { parseSelection, singleIdentifier } from '../../../src/targets/selection.ts';

const identifier = (text: string) => ({ kind: 'identifier', text });
const pattern = (text: string, fields: object) => ({
  kind: 'pattern',
  text,
  user: undefined,
  resourceGroup: undefined,
  session: undefined,
  ...fields,
});

describe('what many targets are called', () => {
  test.each([
    ['vm:main', [identifier('vm:main')]],
    ['web-1:main, web-2:api', [identifier('web-1:main'), identifier('web-2:api')]],
    ['web-*:main', [pattern('web-*:main', { host: 'web-*', session: { kind: 'name', name: 'main' } })]],
    ['*:test-?', [pattern('*:test-?', { host: '*', session: { kind: 'pattern', pattern: 'test-?' } })]],
    ['web-*', [pattern('web-*', { host: 'web-*' })]],
    ['rg-*/web-1', [pattern('rg-*/web-1', { host: 'web-1', resourceGroup: 'rg-*' })]],
    ['me@web-*:x', [pattern('me@web-*:x', { host: 'web-*', user: 'me', session: { kind: 'name', name: 'x' } })]],
    [
      'web-[1,3]:main,db',
      [pattern('web-[1,3]:main', { host: 'web-[1,3]', session: { kind: 'name', name: 'main' } }), identifier('db')],
    ],
    ['{a,b}:main', [pattern('{a,b}:main', { host: '{a,b}', session: { kind: 'name', name: 'main' } })]],
    [
      '[fe80::1%lo]:main,bob@corp.example@[::1]',
      [identifier('[fe80::1%lo]:main'), identifier('bob@corp.example@[::1]')],
    ],
    ['CORP\\bob@a:x,CORP\\bob@b:x', [identifier('CORP\\bob@a:x'), identifier('CORP\\bob@b:x')]],
    ['[2001:db8::4]:main,u@[::1]', [identifier('[2001:db8::4]:main'), identifier('u@[::1]')]],
    ['vm:a\\,b', [identifier('vm:a,b')]],
    ['vm:\\*', [identifier('vm:*')]],
    ['vm:back\\slash', [identifier('vm:back\\slash')]],
  ])('%s', (text, parts) => expect(parseSelection(text)).toEqual(parts));

  test.each([
    ['a:b,,c:d', 'Invalid list "a:b,,c:d"'],
    ['web-*:a:b', 'Invalid pattern "web-*:a:b"'],
    ['web-*:', 'Invalid pattern "web-*:"'],
    ['*:-x', 'it starts with "-"'],
    ['a/b/*', 'expected resource-group/vm'],
    ['', 'Invalid list ""'],
  ])('%s is refused', (text, message) => expect(() => parseSelection(text)).toThrow(message));

  test('one identifier is one, lists and patterns are not', () => {
    expect(['vm', 'vm:main', 'vm:a\\,b', '[::1]:x'].map(singleIdentifier)).toEqual([
      'vm',
      'vm:main',
      'vm:a,b',
      '[::1]:x',
    ]);
    expect(['a,b', 'web-*', 'web-[1-2]', '{a,b}', '[::1],b'].map(singleIdentifier)).toEqual(Array(5).fill(undefined));
  });

  test('an identifier that is escaped is read as itself', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z*?[\]{},\\]{1,12}$/), (name) => {
        expect(singleIdentifier(escapedIdentifier(`vm:${name}`))).toBe(`vm:${name}`);
      }),
    );
  });
});

describe('patterns', () => {
  test.each([
    ['web-*', 'WEB-1', true],
    ['web-*', 'web', false],
    ['web-[8-12]', 'web-10', true],
    ['web-[8-12]', 'web-1', false],
    ['web-[08-12]', 'web-8', false],
    ['web-[08-12]', 'web-08', true],
    ['web-[1-3]', 'web-2', true],
    ['web-[12]', 'web-2', true],
    ['web-[!1]', 'web-2', true],
    ['web-{8..12}', 'web-10', true],
    ['web-{8..12}', 'web-1', false],
    ['web-{08..12}', 'web-09', true],
    ['web-{1..3}', 'web-2', true],
    ['web-\\[8-12]', 'web-9', false],
    ['{web,db}-1', 'db-1', true],
    ['feat/*', 'feat/x/y', true],
    ['*', '.hidden', true],
    ['!x', '!x', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
  ])('%s and %s: %s', (text, name, expected) => expect(namePattern(text, { ignoreCase: true })(name)).toBe(expected));

  test('more numbers than anybody means are refused', () => {
    for (const text of ['web-[1-20000]', 'web-{100000..120000}'])
      expect(() => namePattern(text, { ignoreCase: true })).toThrow('means more than 1000 numbers');
  });

  test('sessions differ by case', () => expect(namePattern('Dev*', { ignoreCase: false })('dev-1')).toBe(false));
});
