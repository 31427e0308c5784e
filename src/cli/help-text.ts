import { type Contents, type LoadedCommand, type Option, type Options, type Positional, usageLine } from './command.ts';
import { BUILT_IN, FORWARD_OPTION, GLOBAL_OPTIONS, SCOPE_OPTIONS, SSH_OPTIONS } from './line/options.ts';
import type { Style } from './output/style.ts';
import { TOPICS, type Topic } from './topics/index.ts';
import { optionRows } from './topics/option-rows.ts';
import type { Section } from './topics/topic.ts';

export interface HelpPage {
  /** Columns that may be used. */
  readonly width: number;
  readonly style: Style;
}

const EXAMPLES = 'Examples';
const OPTIONS = 'Options';
const HELP = 'Help';

export const TAGLINE = 'Named tmux sessions on Azure VMs';

/** What `azlin --help` prints: 40 lines at most. */
export function mainHelp(contents: Contents, page: HelpPage): string {
  const commands = mainSections(contents).filter(({ title }) => title !== HELP);
  const more = [
    { left: 'azlin COMMAND --help', right: 'usage, examples and options of a command' },
    { left: 'azlin help TOPIC', right: TOPICS.map(({ name }) => name).join(' ') },
  ];
  const first = `${TAGLINE}. To try them without Azure: azlin demo`;
  return `${wrap(first, page.width, 0)}\n\n${sectionsText(commands, page)}\n${rowsText({ title: HELP, rows: more }, page.width)}`;
}

/** The commands by heading. */
export function mainSections({ entries }: Contents): readonly Section[] {
  const headings = [...new Set(entries.flatMap(({ heading }) => heading ?? []))];
  return headings.map((title) => ({
    title,
    rows: entries
      .filter(({ heading }) => heading === title)
      .map(({ name, summary }) => ({ left: name, right: summary })),
  }));
}

/** What `azlin COMMAND --help` prints: only the command's own options, and 40 lines at most. */
export function commandHelp(command: LoadedCommand, page: HelpPage): string {
  const { style, width } = page;
  const examples = command.examples.map(({ line, does }) => ({ left: line, right: does }));
  const usage = `${style.bold('Usage:')} ${usageLine(command)}`;
  const sections = commandSections(command);
  const own = sections.filter(({ title }) => title === 'Arguments' || title === OPTIONS);
  const shared = sections.filter((section) => !own.includes(section)).map(({ title }) => SHARED[title] ?? title);
  const body = sectionsText([{ title: EXAMPLES, rows: examples }, ...own], page);
  const last = [`Options for ${listed(shared)}: azlin options`, `See also: ${seeAlso(command).join(', ')}`];
  return `${wrap(command.summary, width, 0)}\n\n${usage}\n\n${body}\n${last.map((line) => wrap(line, width, 2)).join('\n')}\n`;
}

/** What the options under the shared headings are about. */
const SHARED: Readonly<Record<string, string>> = {
  Many: 'many targets',
  Scope: 'the VMs in scope',
  Everywhere: 'output',
};

function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), words.at(-1)].filter((part) => part !== '').join(' and ');
}

/** All arguments and options, under the headings that they have in the manual. */
export function commandSections({ positionals, options }: LoadedCommand): readonly Section[] {
  const named = Object.entries(positionals).map(([left, one]) => ({ left, right: describePositional(one) }));
  const all: Options = { ...options, ...GLOBAL_OPTIONS, ...BUILT_IN };
  const headings = Object.entries(all).map(([name, option]) => headingOf(name, option));
  return [
    { title: 'Arguments', rows: named },
    ...[...new Set(headings)].map((title) => ({
      title,
      rows: optionRows(Object.fromEntries(Object.entries(all).filter((_, index) => headings[index] === title))),
    })),
  ].filter(({ rows }) => rows.length > 0);
}

/** What `azlin help TOPIC` prints. */
export async function topicText({ name, summary, load }: Topic, page: HelpPage): Promise<string> {
  const parts = (await load()).map((part) => {
    if (typeof part === 'string') return `${wrap(part, page.width, 0)}\n`;
    if ('lines' in part) return part.lines.map((line) => `${`  ${line}`.trimEnd()}\n`).join('');
    return sectionsText([part], page);
  });
  return `${page.style.bold(name)}: ${summary}\n\n${parts.join('\n')}`;
}

/** Related commands and topics, as they are typed. */
export function seeAlso(command: LoadedCommand): readonly string[] {
  return command.seeAlso.map((name) =>
    TOPICS.some((topic) => topic.name === name) ? `azlin help ${name}` : `azlin ${name}`,
  );
}

function describePositional(positional: Positional): string {
  return typeof positional === 'string' ? positional : `${positional.describe}: ${positional.choices.join(', ')}`;
}

function headingOf(name: string, { heading }: Option): string {
  if (heading) return heading;
  if (name in GLOBAL_OPTIONS || name in BUILT_IN) return 'Everywhere';
  if (name in SCOPE_OPTIONS) return 'Scope';
  return name in SSH_OPTIONS || name in FORWARD_OPTION ? 'SSH' : OPTIONS;
}

/** The most characters in the left column: for options, and for lines that somebody may want to copy. */
const WIDEST_LEFT = 34;
const WIDEST_LINE = 50;
const NARROWEST_RIGHT = 26;

function sectionsText(sections: readonly Section[], page: HelpPage): string {
  return sections
    .map((section) => `${page.style.bold(`${section.title}:`)}\n${rowsText(section, page.width)}`)
    .join('\n');
}

function rowsText({ title, rows }: Section, width: number): string {
  const widest = title === EXAMPLES ? Math.min(WIDEST_LINE, width / 2) : WIDEST_LEFT;
  const lefts = rows.map(({ left }) => left.length).filter((length) => length <= widest);
  const beside = Math.max(0, ...lefts) + 4;
  // If there is no room for two columns, the right one goes below the left one.
  const at = width - beside < NARROWEST_RIGHT ? 6 : beside;
  return rows
    .map(({ left, right }) => {
      const text = wrap(right, width - at, 0).replaceAll('\n', `\n${' '.repeat(at)}`);
      // A text that is too long for its column gets its own line.
      const gap = left.length + 4 > at ? `\n${' '.repeat(at)}` : ' '.repeat(at - left.length - 2);
      return `  ${left}${gap}${text}\n`;
    })
    .join('');
}

/** Lines of at most `width` characters, those after the first one indented. */
export function wrap(text: string, width: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `${' '.repeat(indent)}${word}`);
  }
  return lines.join('\n');
}
