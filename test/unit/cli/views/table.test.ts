import { describe, expect, test } from '@jest/globals';
import { table } from '../../../../src/cli/views/table.ts';

const columns = [{ title: 'NAME', flexible: true }, { title: 'IP' }];

describe('table', () => {
  test('a header and rows, two spaces apart, nothing at the ends', async () => {
    const rows = [{ cells: ['a', '10.0.0.4'] }, { cells: ['a-long-name', ''] }];
    expect(await table(columns, rows, undefined)).toBe('NAME         IP\na            10.0.0.4\na-long-name\n');
    expect(await table(columns, [], undefined)).toBe('NAME  IP\n');
  });

  test('cuts flexible columns to the width of the terminal, no others', async () => {
    const rows = [{ cells: ['a-very-long-name-indeed', '203.0.113.10'] }];
    expect(await table(columns, rows, 26)).toBe('NAME          IP\na-very-long…  203.0.113.10\n');
    expect(await table(columns, rows, 5)).toBe('NAME      IP\na-very-…  203.0.113.10\n');
  });

  test('wide characters keep the columns in line', async () => {
    const rows = ['東京', 'abcdef', 'cafe\u0301', 'שָׁלוֹם', 'ก็', '👨‍👩‍👧‍👦', '🫠', '\ue000'].map((name) => ({
      cells: [name, 'x'],
    }));
    expect(await table(columns, rows, undefined)).toBe(
      [
        'NAME    IP',
        '東京    x',
        'abcdef  x',
        'cafe\u0301    x',
        'שָׁלוֹם    x',
        'ก็       x',
        '👨‍👩‍👧‍👦      x',
        '🫠      x',
        '\ue000       x\n',
      ].join('\n'),
    );
  });

  test('a wide character is not cut in half, an emoji of several not taken apart', async () => {
    const rows = [
      { cells: ['東京東京東京東京東京', '203.0.113.10'] },
      { cells: ['👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧', 'y'] },
    ];
    expect(await table(columns, rows, 24)).toBe(
      'NAME       IP\n東京東京…  203.0.113.10\n👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧…  y\n',
    );
  });

  test('paints whole lines and strips what would move the cursor', async () => {
    const rows = [{ cells: ['a\u001b[2Jb', 'x'], paint: (line: string) => `<${line}>` }];
    expect(await table(columns, rows, undefined)).toBe('NAME  IP\n<ab    x>\n');
  });
});
