import type { Contents, LoadedCommand } from '../src/cli/command.ts';
import { usageLine } from '../src/cli/command.ts';
import { commandSections, mainSections, TAGLINE } from '../src/cli/help-text.ts';
import { TOPICS } from '../src/cli/topics/index.ts';
import type { Section, TopicPart } from '../src/cli/topics/topic.ts';

export interface ManualPage {
  /** `azlin-exec.1`. */
  readonly file: string;
  /** The page in the format that man(1) reads. */
  readonly text: string;
}

/** A page for each command and topic, made from the texts of help. */
export async function manualPages(
  contents: Contents,
  commands: readonly LoadedCommand[],
  version: string,
): Promise<readonly ManualPage[]> {
  const shown = commands.filter(({ heading }) => heading !== undefined);
  const topics = await Promise.all(
    TOPICS.map(async ({ name, summary, load }) => ({ name, summary, parts: await load() })),
  );
  const all = [...shown.map(({ name }) => `azlin-${name}(1)`), ...topics.map(({ name }) => `azlin-${name}(7)`)];
  return [
    page({ name: 'azlin', section: 1, version, summary: TAGLINE }, [
      ...titled('SYNOPSIS', `${bold('azlin')} COMMAND [options]`),
      ...mainSections(contents).flatMap(sectionLines),
      ...titled('SEE ALSO', all.map(reference).join(', ')),
    ]),
    ...shown.map((command) => {
      const examples = command.examples.flatMap(({ line, does }) => ['.TP', bold(line), escaped(does)]);
      const also = command.seeAlso.map((name) =>
        reference(`azlin-${name}(${TOPICS.some((one) => one.name === name) ? 7 : 1})`),
      );
      return page({ name: `azlin-${command.name}`, section: 1, version, summary: command.summary }, [
        ...titled('SYNOPSIS', bold(usageLine(command))),
        ...commandSections(command).flatMap(sectionLines),
        ...titled('EXAMPLES', ...examples),
        ...titled('SEE ALSO', [reference('azlin(1)'), ...also].join(', ')),
      ]);
    }),
    ...topics.map(({ name, summary, parts }) =>
      page({ name: `azlin-${name}`, section: 7, version, summary }, [
        '.SH DESCRIPTION',
        ...parts.flatMap(partLines),
        ...titled('SEE ALSO', reference('azlin(1)')),
      ]),
    ),
  ];
}

interface Head {
  readonly name: string;
  readonly section: number;
  readonly version: string;
  readonly summary: string;
}

function page({ name, section, version, summary }: Head, lines: readonly string[]): ManualPage {
  const head = [
    `.TH ${name.toUpperCase()} ${section} "" "azlin ${version}" "azlin"`,
    // Neither justified nor hyphenated, because much of it is meant to be copied.
    '.ad l',
    '.nh',
    ...titled('NAME', `${escaped(name)} \\- ${escaped(summary.replace(/\.$/, ''))}`),
  ];
  return { file: `${name}.${section}`, text: `${[...head, ...lines].join('\n')}\n` };
}

function titled(title: string, ...lines: readonly string[]): readonly string[] {
  return [`.SH "${escaped(title.toUpperCase())}"`, ...lines];
}

function sectionLines({ title, rows }: Section): readonly string[] {
  return titled(title, ...rows.flatMap(({ left, right }) => ['.TP', bold(left.trim()), escaped(right)]));
}

function partLines(part: TopicPart): readonly string[] {
  if (typeof part === 'string') return ['.PP', escaped(part)];
  if ('lines' in part) return ['.PP', '.nf', '.RS 4', ...part.lines.map(escaped), '.RE', '.fi'];
  return sectionLines(part);
}

function reference(name: string): string {
  const [, page = '', section = ''] = /^(.*)\((\d)\)$/.exec(name) ?? [];
  return `\\fB${escaped(page)}\\fR(${section})`;
}

function bold(text: string): string {
  return `\\fB${escaped(text)}\\fR`;
}

/** Escapes everything that means something to roff. */
function escaped(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/, '\\&$1');
}
