import { describe, expect, test } from '@jest/globals';
import { readAliases, withoutAliases } from '../../../src/settings/aliases.ts';

describe('aliases', () => {
  const aliases = readAliases({ prod: ['web-1:main', 'web-2:main'], all: ['prod', 'db'], db: 'db:main', web: ['web'] });

  test.each([
    ['prod', 'web-1:main,web-2:main'],
    ['all', 'web-1:main,web-2:main,db:main'],
    ['prod,x:y', 'web-1:main,web-2:main,x:y'],
    ['web', 'web'],
    ['prod:main', undefined],
    ['Prod', undefined],
    ['{prod,x}:main', undefined],
    ['constructor', undefined],
  ])('%s means %s', (text, means) => expect(withoutAliases(text, aliases)).toBe(means));

  test.each([
    [{ a: 'b', b: 'a' }, '"a" refers to itself: a -> b -> a'],
    [{ 'a:b': 'x' }, '"a:b" cannot be an alias'],
    [{ a: [] }, 'expected an identifier or a list'],
    [{ a: [''] }, 'expected an identifier or a list'],
    [{ a: 3 }, 'expected an identifier or a list'],
    ['x', 'expected a table'],
  ])('%j is refused', (value, message) => expect(() => readAliases(value)).toThrow(message));
});
