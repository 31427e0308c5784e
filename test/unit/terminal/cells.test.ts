import { describe, expect, test } from '@jest/globals';
import { cutTo, padTo, widthOf } from '../../../src/terminal/cells.ts';

describe('cells of a terminal', () => {
  test.each([
    ['abc', 3],
    ['東京', 4],
    ['cafe\u0301', 4],
    ['👨‍👩‍👧‍👦', 2],
    ['🇫🇷', 2],
    ['ﾊﾟ', 2],
    ['', 0],
  ])('%s: %d', (text, width) => {
    expect(widthOf(text)).toBe(width);
    expect(padTo(text, 10)).toBe(text + ' '.repeat(10 - width));
  });

  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['東京東京', 7, '東京東…'],
    ['東京東京', 6, '東京…'],
    ['e\u0301'.repeat(6), 5, `${'e\u0301'.repeat(4)}…`],
    ['👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧', 5, '👨‍👩‍👧👨‍👩‍👧…'],
    ['東', 1, '…'],
    ['東', 0, ''],
  ])('%s in %d: %s', (text, width, expected) => {
    expect(cutTo(text, width)).toBe(expected);
    expect(widthOf(cutTo(text, width))).toBeLessThanOrEqual(width);
  });
});
