import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { variablesIn } from '../../../../src/cli/line/env-file.ts';

const directory = mkdtempSync('/tmp/azlin-env-');
afterAll(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'variables');

const texts = async () =>
  (await variablesIn(path)).map(({ name, value }) => ({ name, value: Buffer.from(value as Uint8Array).toString() }));

describe('--env-file', () => {
  test('a byte order mark is no part of the first name, and values keep their bytes', async () => {
    writeFileSync(path, Buffer.from('\xef\xbb\xbfA=caf\xe9\nB=\xc3\xa9\n', 'latin1'));
    const [a, b] = await variablesIn(path);
    expect(a).toEqual({ name: 'A', value: Buffer.from('caf\xe9', 'latin1') });
    expect(b).toEqual({ name: 'B', value: Buffer.from('é') });
  });

  test('lines, values of several lines, comments', async () => {
    writeFileSync(path, '# comment\n\nA=b=c\nEMPTY=\r\nKEY<<END\none\n  two=2\nEND\nLAST= x \n');
    expect(await texts()).toEqual([
      { name: 'A', value: 'b=c' },
      { name: 'EMPTY', value: '' },
      { name: 'KEY', value: 'one\n  two=2' },
      { name: 'LAST', value: ' x ' },
    ]);
  });

  test.each([
    ['secret without a name\n', /variables:1: not NAME=VALUE$/],
    ['A=b\nKEY<<END\nsecret\n', /variables:2: missing the line "END" that ends it$/],
  ])('%j is refused without its value', async (text, message) => {
    writeFileSync(path, text);
    await expect(variablesIn(path)).rejects.toThrow(message);
  });

  test('a file that cannot be read', async () =>
    expect(variablesIn('/nonexistent/x')).rejects.toThrow(/Cannot read --env-file \/nonexistent\/x: .*ENOENT/));
});
