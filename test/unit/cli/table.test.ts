import { describe, expect, test } from '@jest/globals';
import { table } from '../../../src/cli/views/table.ts';

const columns = [{ title: 'NAME', flexible: true }, { title: 'IP' }];

describe('table', () => {
  test('a header and rows, two spaces apart, nothing at the ends', () => {
    const rows = [{ cells: ['a', '10.0.0.4'] }, { cells: ['a-long-name', ''] }];
    expect(table(columns, rows, undefined)).toBe('NAME         IP\na            10.0.0.4\na-long-name\n');
    expect(table(columns, [], undefined)).toBe('NAME  IP\n');
  });

  test('cuts flexible columns to the width of the terminal, no others', () => {
    const rows = [{ cells: ['a-very-long-name-indeed', '203.0.113.10'] }];
    expect(table(columns, rows, 26)).toBe('NAME          IP\na-very-long…  203.0.113.10\n');
    expect(table(columns, rows, 5)).toBe('NAME      IP\na-very-…  203.0.113.10\n');
  });

  test('wide characters keep the columns in line', () => {
    const rows = [{ cells: ['東京', 'x'] }, { cells: ['abcdef', 'y'] }];
    expect(table(columns, rows, undefined)).toBe('NAME    IP\n東京    x\nabcdef  y\n');
  });

  test('paints whole lines and strips what would move the cursor', () => {
    const rows = [{ cells: ['a\u001b[2Jb', 'x'], paint: (line: string) => `<${line}>` }];
    expect(table(columns, rows, undefined)).toBe('NAME  IP\n<ab    x>\n');
  });
});
