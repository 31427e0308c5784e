import { structuredPatch } from 'diff';
import { foldNames } from '../../domain/fold-names.ts';
import { colouredLine } from '../../domain/text.ts';
import type { Style } from '../output/style.ts';

export interface Said {
  readonly target: string;
  readonly output: Buffer;
  /** Whether there was more output. */
  readonly isCut?: boolean;
}

export interface GroupSettings {
  readonly style: Style;
  /** Whether it goes to a terminal, which must not get escape sequences other than colours. */
  readonly isTerminal: boolean;
}

/** A difference of more edits than this is no help: the output is shown whole. */
const MOST_EDITS = 200;

/**
 * Shows equal outputs once, under the names of all their targets: that of the largest group whole, the others as their difference from it. Targets
 * without output are only shown if another one has some.
 */
export function groupsText(said: readonly Said[], { style, isTerminal }: GroupSettings): string {
  const groups = gathered(said);
  const [base] = groups;
  if (!base || (groups.length === 1 && base.text === '')) return '';
  const shown = (line: string) => (isTerminal ? colouredLine(line) : line);
  const whole = (text: string) => linesOf(text).map((line) => `${shown(line)}\n`);
  return groups
    .flatMap((group) => {
      const patch = group === base ? undefined : difference(base.text, group.text);
      const title = `${foldNames(group.targets).join(',')} (${group.targets.length})`;
      const about = group.text === '' ? ': no output' : patch ? ': differs' : '';
      const cut = group.isCut ? ', truncated' : '';
      const body = patch ? patch.map((line) => `${painted(shown(line), style)}\n`) : whole(group.text);
      return [`${style.bold(`${title}${cut}${about}`)}\n`, ...body];
    })
    .join('');
}

interface Group {
  readonly text: string;
  readonly isCut: boolean;
  readonly targets: string[];
}

/** The largest group first, then in the order of their targets. */
function gathered(said: readonly Said[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { target, output, isCut = false } of said) {
    // Output that was cut may have continued differently.
    const key = `${isCut} ${output.toString('latin1')}`;
    const group = groups.get(key) ?? { text: textOf(output), isCut, targets: [] };
    group.targets.push(target);
    groups.set(key, group);
  }
  // Empty output is not useful to compare with.
  const size = ({ text, targets }: Group) => (text === '' ? 0 : targets.length);
  return [...groups.values()].sort((a, b) => size(b) - size(a));
}

function textOf(output: Buffer): string {
  const text = output.toString();
  return Buffer.from(text).equals(output) ? text : `(${output.length} bytes of binary data)\n`;
}

/** The lines of a patch; undefined if the whole output is easier to read. */
function difference(from: string, to: string): readonly string[] | undefined {
  if (to === '') return undefined;
  const options = { context: 1, maxEditLength: MOST_EDITS };
  const patch = structuredPatch('', '', ended(from), ended(to), undefined, undefined, options);
  // There may be too many edits, or only the line break at the end may differ.
  if (!patch || patch.hunks.length === 0) return undefined;
  const lines = patch.hunks.flatMap((hunk) => [`@@ line ${hunk.newStart} @@`, ...hunk.lines]);
  const isShorter = lines.length <= linesOf(to).length;
  const isKin = patch.hunks.flatMap((hunk) => hunk.lines).some((line) => line.startsWith(' '));
  return isShorter || isKin ? lines : undefined;
}

function painted(line: string, style: Style): string {
  if (line.startsWith('+')) return style.green(line);
  if (line.startsWith('-')) return style.red(line);
  return line.startsWith('@@') ? style.dim(line) : line;
}

const ended = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : ended(text).split('\n').slice(0, -1);
}
