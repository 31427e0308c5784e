/*
 * Writes test/messages.txt: the texts of the product that people read, by file, in the order of the source. A changed message shows up in review as a
 * changed line of that file. Usage: npm run messages
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseSync } from '@swc/core';

export const MESSAGES_FILE = new URL('../test/messages.txt', import.meta.url);
const SOURCE = new URL('../src/', import.meta.url);

/** Two words with a space between them. */
const PROSE = /[\p{L}\d}"',:;.!?)…][ \n]+["'({\p{L}\d]/u;
/** The heading of a column, or a placeholder for a value in help. */
const HEADING = /^[A-Z][A-Z ]+$/;
const HAS_HEADINGS = /^cli\/(views|commands|line)\//;
/** Messages for people in the scripts that run on a VM. */
const SAID = /\b(?:azlin_cannot|azlin_busy|azlin_fail|azlin_said=|echo) *(?:'([^']*)'|"([^"]*)")/g;
/** Files with texts for Azure. */
const NOT_FOR_PEOPLE = ['inventory/azure/graph-query.ts'];

/** What the file must contain. Expressions in a template stand in braces, as in the source. */
export function messagesText(): string {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|sh)$/.test(file));
  return files
    .filter((file) => !NOT_FOR_PEOPLE.includes(file))
    .sort()
    .flatMap((file) => {
      const found = file.endsWith('.sh') ? inScript(file) : inModule(file);
      const lines = [...new Set(found)].map((text) => `  ${text.replaceAll('\n', '\\n')}\n`);
      return lines.length === 0 ? [] : [`${file}\n${lines.join('')}`];
    })
    .join('\n');
}

function inScript(file: string): readonly string[] {
  const lines = readFileSync(new URL(file, SOURCE), 'utf8').split('\n');
  return lines
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => [...line.matchAll(SAID)].map(([, single, double]) => single ?? double ?? ''))
    .filter((text) => PROSE.test(text));
}

type Node = Readonly<Record<string, unknown>> & { readonly type?: string };
interface Span {
  readonly start: number;
  readonly end: number;
}

function inModule(file: string): readonly string[] {
  // The span of swc's module starts at its first token. With a token in front, that is where the bytes start.
  const bytes = Buffer.from(`;${readFileSync(new URL(file, SOURCE), 'utf8').replace(/^#!/, '//')}`);
  const module = parseSync(bytes.toString(), { syntax: 'typescript' });
  const source = ({ start, end }: Span) =>
    bytes.subarray(start - module.span.start, end - module.span.start).toString('utf8');
  const isMessage = (text: string) => PROSE.test(text) || (HAS_HEADINGS.test(file) && HEADING.test(text));
  const found: string[] = [];
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type } = node as Node;
    if (type === 'ImportDeclaration' || type === 'TsLiteralType') return;
    const text = textOf(node as Node, source);
    // Expressions in a template are part of its text, so they are not searched again.
    if (text !== undefined && isMessage(text)) found.push(text);
    else Object.values(node).forEach(collect);
  };
  collect(module.body);
  return found;
}

function textOf(node: Node, source: (span: Span) => string): string | undefined {
  if (node.type === 'StringLiteral') return node['value'] as string;
  if (node.type !== 'TemplateLiteral') return undefined;
  const expressions = node['expressions'] as readonly { readonly span: Span }[];
  return (node['quasis'] as readonly { readonly cooked: string }[])
    .map(({ cooked }, at) => {
      const put = expressions[at];
      return put ? `${cooked}{${source(put.span).replace(/\s+/g, ' ')}}` : cooked;
    })
    .join('');
}

if (process.argv[1]?.endsWith('messages.ts')) writeFileSync(MESSAGES_FILE, messagesText());
