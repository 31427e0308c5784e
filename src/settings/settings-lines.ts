/** Whether a text, read as TOML, says what it should. */
export type IsRight = (text: string) => boolean;

interface Line {
  readonly text: string;
  /** The table that it is in. */
  readonly section: string;
  readonly kind: 'header' | 'key' | 'comment' | 'blank' | 'rest';
  /** The whole key of a header or a key. */
  readonly key: string;
}

/**
 * Removes a key from the text, and keeps every comment that has its own line. Undefined if that cannot be done by removing lines. `key`: `ssh.user`,
 * or a table with everything in it.
 */
export function withoutKey(text: string, key: string, isRight: IsRight): string | undefined {
  const lines = read(text);
  const isOf = (one: string) => one === key || one.startsWith(`${key}.`);
  const taken = new Set<number>();
  for (const [index, { kind, key: own, section }] of lines.entries()) {
    if ((kind === 'header' || kind === 'key') && isOf(own)) taken.add(index);
    // More lines of a value that spans several.
    if (kind === 'rest' && taken.has(index - 1)) taken.add(index);
    if (kind === 'key' && isOf(section)) taken.add(index);
  }
  // A header is only removed together with the last line below it.
  const touched = [...taken].map((index) => `${lines[index]?.section}.`);
  const isTouched = (table: string | undefined) => touched.some((one) => one.startsWith(`${table}.`));
  const left = without(lines, taken);
  const empty = new Set([...left.keys()].filter((index) => isEmptyTable(left, index) && isTouched(left[index]?.key)));
  return [joined(without(left, empty)), joined(left)].find(isRight);
}

/**
 * Sets a key in the text: in its line if it has one, else after the last line of its table, else in a new table at the end. Nothing else changes.
 * `literal`: the value in TOML. Undefined if the line cannot be understood, which happens for some lines that are valid.
 */
export function withKey(text: string, at: readonly string[], literal: string): string | undefined {
  const lines = read(text);
  const end = text.includes('\r\n') ? '\r' : '';
  const own = lines.findIndex(({ kind, key }) => kind === 'key' && key === at.join('.'));
  const known = lines[own];
  if (known) {
    const [, before, after] = VALUE.exec(known.text) ?? [];
    if (before === undefined || lines[own + 1]?.kind === 'rest') return undefined;
    return joined(lines.with(own, { ...known, text: `${before}${literal}${after}` }));
  }
  const section = at.slice(0, -1).join('.');
  const line = `${at.slice(-1).map(named)} = ${literal}${end}`;
  const last = lines.findLastIndex((one) => one.section === section && ['header', 'key', 'rest'].includes(one.kind));
  const texts = lines.map((one) => one.text);
  // The last line of a file may have no line break.
  const complete = (index: number) => texts.with(index, texts[index]?.replace(/\r?$/, end) ?? '');
  if (last >= 0) return [...complete(last).slice(0, last + 1), line, ...texts.slice(last + 1)].join('\n');
  if (section === '') return text === '' ? `${line}\n` : [line, end, ...texts].join('\n');
  const table = [`[${at.slice(0, -1).map(named).join('.')}]${end}`, line, ''];
  if (text.trim() === '') return `${text}${table.join('\n')}`;
  const isEnded = text.endsWith('\n');
  const gap = /\n\r?\n$/.test(text) ? [] : [end];
  return [...(isEnded ? texts.slice(0, -1) : complete(texts.length - 1)), ...gap, ...table].join('\n');
}

/** Captures what is before and after a value that is on one line. */
const VALUE =
  /^([^=]*=\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|\[[^\]#"']*\]|\[\s*(?:(?:"(?:[^"\\]|\\.)*"|'[^']*')\s*(?:,\s*)?)*\]|[\w.:+-]+)(\s*(?:#.*)?)$/;

/** A part of a key as TOML writes it. */
const named = (part: string) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part));

/** Removes some lines. If there were empty lines on both sides of them, one of those is removed too. */
function without(lines: readonly Line[], taken: ReadonlySet<number>): readonly Line[] {
  const isGap = (index: number) => (lines[index]?.kind ?? 'blank') === 'blank';
  return lines.filter((_, index) => {
    if (taken.has(index)) return false;
    if (!isGap(index) || !taken.has(index - 1) || index === lines.length - 1) return true;
    let before = index - 1;
    while (taken.has(before)) before--;
    return !isGap(before);
  });
}

/** Whether every comment that has its own line is still there. */
export function keepsComments(before: string, after: string): boolean {
  const of = (text: string) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('#'));
  const left = of(after);
  return of(before).every((comment) => {
    const at = left.indexOf(comment);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function read(text: string): readonly Line[] {
  let section = '';
  let hasKey = false;
  return text.split('\n').map((line) => {
    const header = /^\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?$/.exec(line)?.[1];
    const name = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line)?.[1];
    if (header !== undefined && /^[\w"'.\s-]+$/.test(header)) {
      section = plain(header);
      hasKey = false;
      return { text: line, section, kind: 'header', key: section };
    }
    if (name !== undefined) {
      hasKey = true;
      return { text: line, section, kind: 'key', key: section === '' ? plain(name) : `${section}.${plain(name)}` };
    }
    if (line.trim() === '') return { text: line, section, kind: 'blank', key: '' };
    if (line.trim().startsWith('#')) return { text: line, section, kind: 'comment', key: '' };
    return { text: line, section, kind: hasKey ? 'rest' : 'comment', key: '' };
  });
}

function plain(key: string): string {
  return key.replace(/["'\s]/g, '');
}

/** Whether the line is a header under which nothing is left, not even a comment. */
function isEmptyTable(lines: readonly Line[], index: number): boolean {
  if (lines[index]?.kind !== 'header') return false;
  const next = lines.slice(index + 1).find((line) => line.kind !== 'blank');
  return next === undefined || next.kind === 'header';
}

const joined = (lines: readonly Line[]): string => lines.map(({ text }) => text).join('\n');
