import { shellWord } from './text.ts';

/** One shell line that gives back `argv` as it is, in any login shell. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ');
}
