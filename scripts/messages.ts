/*
 * Writes test/messages.txt: every text of the product that is meant for people, by file, in the order of the source.
 * A change of a message shows in review as a line of that file. Usage: npm run messages
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseSync } from '@swc/core';

const FILE = new URL('../test/messages.txt', import.meta.url);
const SOURCE = new URL('../src/', import.meta.url);

/** Two words with a blank between them, or a heading of a table. */
const PROSE = /[\p{L}\d}"',:;.!?)…][ \n]+["'({\p{L}\d]|^[A-Z][A-Z ]+$/u;

type Node = { readonly type?: string; readonly span?: Span; readonly [key: string]: unknown };
interface Span {
  readonly start: number;
  readonly end: number;
}

/** What the file must hold. */
export function messagesFile(): string {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).sort();
  return files
    .flatMap((file) => {
      const found = messagesOf(file);
      return found.length === 0
        ? []
        : [`${file}\n${found.map((text) => `  ${text.replaceAll('\n', '\n  ')}\n`).join('')}`];
    })
    .join('\n');
}

function messagesOf(file: string): readonly string[] {
  if (!file.endsWith('.ts')) return [];
  // swc's module starts at its first token, wherever that is: with a token in front it is where the bytes start.
  const bytes = Buffer.from(`;${readFileSync(new URL(file, SOURCE), 'utf8').replace(/^#!/, '//')}`);
  const module = parseSync(bytes.toString(), { syntax: 'typescript' }) as unknown as Node & { readonly span: Span };
  const found: string[] = [];
  const source = ({ start, end }: Span) =>
    bytes.subarray(start - module.span.start, end - module.span.start).toString('utf8');
  collect(module, source, found);
  return [...new Set(found)];
}

function collect(node: unknown, source: (span: Span) => string, found: string[]): void {
  if (Array.isArray(node)) for (const one of node) collect(one, source, found);
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
  const { type } = node as Node;
  if (type === 'ImportDeclaration' || type === 'TsLiteralType' || type === 'ExportNamedDeclaration') return;
  const text = textOf(node as Node, source);
  if (text !== undefined && PROSE.test(text)) return void found.push(text);
  for (const [key, value] of Object.entries(node)) if (key !== 'span') collect(value, source, found);
}

/** A literal, or literals with a plus between them; what is put in stands in braces as the source has it. */
function textOf(node: Node, source: (span: Span) => string): string | undefined {
  if (node.type === 'StringLiteral') return node['value'] as string;
  if (node.type !== 'TemplateLiteral') return undefined;
  const quasis = node['quasis'] as readonly { readonly cooked: string }[];
  const expressions = node['expressions'] as readonly { readonly span: Span }[];
  return quasis
    .map(({ cooked }, at) => {
      const put = expressions[at];
      return put ? `${cooked}{${source(put.span).replace(/\s+/g, ' ')}}` : cooked;
    })
    .join('');
}

if (process.argv[1]?.endsWith('messages.ts')) writeFileSync(FILE, messagesFile());
