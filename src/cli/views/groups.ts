import { structuredPatch } from 'diff';
import { foldNames } from '../../domain/fold-names.ts';
import { colouredLine } from '../../domain/text.ts';
import type { Style } from '../output/style.ts';

export interface Said {
  readonly target: string;
  readonly output: Buffer;
  /** There was more. */
  readonly isCut?: boolean;
}

export interface GroupSettings {
  readonly style: Style;
  /** Whether it goes to a terminal, which must not be told to do anything. */
  readonly isTerminal: boolean;
}

/** Differences that are longer than this are no help: the output is shown as it is. */
const MOST_EDITS = 200;

/**
 * Equal outputs once, under the names of all that said so; the largest group whole, the others as what differs from it. Nothing for those that
 * said nothing, unless somebody else did.
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
    // What was cut may have gone on differently.
    const key = `${isCut} ${output.toString('latin1')}`;
    const group = groups.get(key) ?? { text: textOf(output), isCut, targets: [] };
    group.targets.push(target);
    groups.set(key, group);
  }
  // Silence is nothing to compare with.
  const size = ({ text, targets }: Group) => (text === '' ? 0 : targets.length);
  return [...groups.values()].sort((a, b) => size(b) - size(a));
}

function textOf(output: Buffer): string {
  const text = output.toString();
  return Buffer.from(text).equals(output) ? text : `(${output.length} bytes of binary data)\n`;
}

/** The lines of a patch; undefined where the whole is easier to read. */
function difference(from: string, to: string): readonly string[] | undefined {
  if (to === '') return undefined;
  const options = { context: 1, maxEditLength: MOST_EDITS };
  const patch = structuredPatch('', '', ended(from), ended(to), undefined, undefined, options);
  // They may differ in what is no line, as a line break at the end.
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
