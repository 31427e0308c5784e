/* Writes the table of docs/exit-codes.md from the codes and what help says of them. Usage: npm run exit-codes */
import { readFileSync, writeFileSync } from 'node:fs';
import { EXPLAINED_CODES } from '../src/cli/topics/exit-codes.ts';
import { exitCodeOf } from '../src/domain/error-traits.ts';
import type { ErrorCode } from '../src/domain/errors.ts';

const PAGE = new URL('../docs/exit-codes.md', import.meta.url);
const TABLE = /^\| exit code \|[^\n]*\n(?:\|[^\n]*\n)+/m;

/** The page with the table as it must be. */
export function withExitCodes(page: string): string {
  const rows = [
    ['exit code', '`code`', 'cause', 'what to do'],
    ['---', '---', '---', '---'],
    ['0', '', 'done', ''],
    ...Object.entries(EXPLAINED_CODES).map(([code, { cause, cure }]) => [
      `${exitCodeOf(code as ErrorCode)}`,
      `\`${code}\``,
      cause,
      cure,
    ]),
    ['129, 131, 143', '', 'SIGHUP, SIGQUIT, SIGTERM', ''],
  ];
  const line = (cells: readonly string[]) =>
    cells[0] === '---'
      ? `|${cells.join('|')}|`
      : `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
  return page.replace(TABLE, `${rows.map(line).join('\n')}\n`);
}

if (process.argv[1]?.endsWith('exit-codes.ts')) writeFileSync(PAGE, withExitCodes(readFileSync(PAGE, 'utf8')));
