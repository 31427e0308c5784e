import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import type { Variable } from '../../operations/exec/exec-request.ts';

/**
 * Reads variables from a file: a line `NAME=VALUE`, or `NAME<<END` and lines up to `END` for a value of several lines; `#` starts a comment. Rejects with
 * `usage`; the message never holds a value.
 */
export async function variablesIn(path: string): Promise<readonly Variable[]> {
  let text: string;
  try {
    // latin1 keeps the bytes of values, whatever their encoding is.
    text = (await readFile(path, 'latin1')).replace(/^\xef\xbb\xbf/, '');
  } catch (error) {
    throw new AppError('usage', `Cannot read --env-file ${path}: ${messageOf(error)}`, { cause: error });
  }
  const lines = text.split(/\r?\n/);
  const variables: Variable[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name = '', sign, rest = ''] = /^([A-Za-z_][A-Za-z0-9_]*)(=|<<)(.*)$/.exec(line) ?? [];
    const end = sign === '<<' ? lines.indexOf(rest, at + 1) : at;
    if (sign === undefined || end < 0)
      throw new AppError(
        'usage',
        `${path}:${at + 1}: ${sign === undefined ? 'not NAME=VALUE' : `missing the line "${printable(Buffer.from(rest, 'latin1').toString())}" that ends it`}`,
        {
          hint: 'expected NAME=VALUE, or NAME<<END, then lines, then END',
        },
      );
    const value = sign === '<<' ? lines.slice(at + 1, end).join('\n') : rest;
    variables.push({ name, value: Buffer.from(value, 'latin1') });
    at = end;
  }
  return variables;
}
