import type { Option, Options } from '../command.ts';
import type { HelpRow } from './topic.ts';

/** Options as help lists them: `-l, --user NAME`. */
export function optionRows(options: Options): readonly HelpRow[] {
  return Object.entries(options).map(([name, option]) => ({
    left: `${option.short ? `-${option.short}, ` : '    '}--${name}${placeholder(option)}`,
    right:
      option.choices && !fitsInline(option.choices)
        ? `${option.describe}: ${option.choices.join(', ')}`
        : option.describe,
  }));
}

function placeholder({ kind, choices, takes }: Option): string {
  if (kind === 'flag') return '';
  return ` ${choices ? (fitsInline(choices) ? choices.join('|') : 'COLUMN') : takes}`;
}

function fitsInline(choices: readonly string[]): boolean {
  return choices.join('|').length <= 22;
}
