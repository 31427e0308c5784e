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
 * The text without what stands at the key, and with every comment that has a line of its own; undefined where that cannot be done by taking
 * lines away. `key`: `ssh.user`, or a table with all that is in it.
 */
export function withoutKey(text: string, key: string, isRight: IsRight): string | undefined {
  const lines = read(text);
  const isOf = (one: string) => one === key || one.startsWith(`${key}.`);
  const taken = new Set<number>();
  for (const [index, { kind, key: own, section }] of lines.entries()) {
    if ((kind === 'header' || kind === 'key') && isOf(own)) taken.add(index);
    // What a value of several lines goes on with.
    if (kind === 'rest' && taken.has(index - 1)) taken.add(index);
    if (kind === 'key' && isOf(section)) taken.add(index);
  }
  const left = lines.filter((_, index) => !taken.has(index));
  const tidy = joined(withoutEmptyTables(left));
  return [tidy, joined(left)].find(isRight);
}

/** Whether every comment that has a line of its own is still there. */
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

/** Without the headers under which nothing is left, not even a comment. */
function withoutEmptyTables(lines: readonly Line[]): readonly Line[] {
  return lines.filter(({ kind }, index) => {
    if (kind !== 'header') return true;
    const next = lines.slice(index + 1).find((line) => line.kind !== 'blank');
    return next !== undefined && next.kind !== 'header';
  });
}

/** No two empty lines in a row. */
function joined(lines: readonly Line[]): string {
  return lines
    .map(({ text }) => text)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+/, '');
}
