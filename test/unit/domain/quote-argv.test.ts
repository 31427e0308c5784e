import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { quoteArgv } from '../../../src/domain/text.ts';

const SHELLS = ['sh', 'bash'];

describe('quoteArgv', () => {
  test.each(SHELLS)('%s gives back what went in', (shell) => {
    const word = fc.string({ unit: fc.constantFrom(...`'"\\$\`!*?[]{}~#&;|<>()= \t\nab-/é`), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
        const printed = execFileSync(shell, ['-c', `printf '%s\\0' ${quoteArgv(words)}`], { encoding: 'utf8' });
        expect(printed.split('\0').slice(0, -1)).toEqual(words);
      }),
      { numRuns: 150 },
    );
  });

  test('leaves plain words alone, and no backslash inside quotes, where fish would read it', () => {
    expect(quoteArgv(['ls', '-la', '/a/b_c.d:e@f%g+h,i', '', 'a\\b', "it's"])).toBe(
      "ls -la /a/b_c.d:e@f%g+h,i '' 'a'\\\\'b' 'it'\\''s'",
    );
  });
});
