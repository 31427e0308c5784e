import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { foldNames, listNames } from '../../../src/domain/fold-names.ts';
import { namePattern } from '../../../src/targets/pattern.ts';

describe('names in few words', () => {
  test.each([
    [['web-1:main', 'web-2:main', 'web-3:main'], ['web-[1-3]:main']],
    [['web-1:main', 'web-3:main'], ['web-[1,3]:main']],
    [['web-8', 'web-9', 'web-10', 'web-12'], ['web-[8-10,12]']],
    [['web-08', 'web-09', 'web-10'], ['web-[08-10]']],
    [
      ['web-9', 'web-09'],
      ['web-9', 'web-09'],
    ],
    [
      ['vm:test-1', 'vm:test-2', 'db:x'],
      ['vm:test-[1-2]', 'db:x'],
    ],
    [['a1b2:s', 'a1b3:s'], ['a1b[2-3]:s']],
    [
      ['db', 'api'],
      ['db', 'api'],
    ],
    [['x', 'x'], ['x']],
    [['[2001:db8::4]:main'], ['[2001:db8::4]:main']],
    [[], []],
  ])('%j is %j', (names, folded) => expect(foldNames(names)).toEqual(folded));

  test('what comes out means what went in, as a pattern', () => {
    const name = fc
      .tuple(
        fc.constantFrom('web-', 'db', 'a-1-'),
        fc.integer({ min: 0, max: 120 }),
        fc.constantFrom('', '-x'),
        fc.boolean(),
      )
      .map(([before, n, after, padded]) => `${before}${padded ? String(n).padStart(3, '0') : n}${after}`);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 12 }), fc.uniqueArray(name, { maxLength: 12 }), (names, others) => {
        const matches = foldNames(names).map((pattern) => namePattern(pattern, { ignoreCase: true }));
        for (const one of [...names, ...others]) expect(matches.some((match) => match(one))).toBe(names.includes(one));
      }),
    );
  });

  test('a sentence has so many of them', () => {
    expect(listNames(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
    expect(listNames(['a', 'b'], 2)).toBe('a, b');
  });
});
