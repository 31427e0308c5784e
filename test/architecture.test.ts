import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { parseSync } from '@swc/core';
import type { Options } from '../src/cli/command.ts';
import { GLOBAL_OPTIONS } from '../src/cli/line/options.ts';
import { TOPICS } from '../src/cli/topics/index.ts';
import { COMMANDS } from './support/commands.ts';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

interface Source {
  /** Relative to src. */
  readonly path: string;
  readonly text: string;
  /** Files of src, relative to it. */
  readonly imports: readonly string[];
  readonly vendors: readonly string[];
}

const SOURCES: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const named = [...text.matchAll(/(?:\bfrom|\bimport\(|^import) ?'([^']+)'/gm)].map(([, name]) => name ?? '');
    return {
      path,
      text,
      imports: named
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(SRC, join(SRC, dirname(path), name))),
      vendors: named.filter((name) => !name.startsWith('.') && !name.startsWith('node:')),
    };
  });

/** What each room may import besides itself. A path with a slash is one file of a room. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['app.ts', 'cli', 'domain', '../package.json'],
  'action.ts': ['action'],
  'library.ts': ['*'],
  library: ['operations', 'domain'],
  'app.ts': ['*'],
  app: ['*'],
  'config.ts': ['domain', 'settings.ts', 'settings-file.ts'],
  'settings.ts': ['domain'],
  'settings-file.ts': ['domain'],
  'settings-lock.ts': ['domain'],
  'settings-edit.ts': [
    'config.ts',
    'settings.ts',
    'settings-file.ts',
    'settings-lines.ts',
    'settings-lock.ts',
    'domain',
  ],
  action: [],
  cli: ['operations', 'terminal', 'domain', 'config.ts', 'settings.ts', 'settings-file.ts', 'settings-edit.ts'],
  terminal: ['transport/transport.ts', 'domain'],
  operations: ['jobs', 'targets', 'inventory', 'tmux', 'transport', 'remote', 'domain'],
  jobs: ['tmux', 'transport', 'remote', 'domain'],
  targets: ['inventory', 'tmux', 'transport', 'domain'],
  inventory: ['domain'],
  transport: ['domain'],
  tmux: ['remote', 'domain'],
  remote: ['domain'],
  demo: ['domain'],
  domain: [],
};

/** Where each vendor may be named. What is not here is free, but for the command line's face. */
const FENCES: readonly (readonly [vendor: RegExp, place: RegExp])[] = [
  [/^yargs-parser$/, /^cli\/program\.ts$/],
  [/^cli-table3$/, /^cli\/views\//],
  [/^string-width$/, /^terminal\/cells\.ts$/],
  [/^ssh2$/, /^transport\/(ssh2-\w+|algorithms)\.ts$/],
  [/^@azure/, /^inventory\/azure\//],
  [/^@inquirer/, /^terminal\/(prompts|picker)\.ts$/],
  [/^selfsigned$/, /^demo\//],
  [/^(?:https?|socks)-proxy-agent$/, /^inventory\/azure\/web-agents\.ts$/],
];

/** Where the process itself is touched: of the command line, of the GitHub action, of whoever uses the library. */
const EDGES = ['main.ts', 'app.ts', 'action.ts', 'library.ts'];

/** The composition root. */
const isRoot = (path: string) => path === 'app.ts' || path === 'library.ts' || path.startsWith('app/');
const roomOf = (path: string) => path.split('/')[0] ?? '';
const broken = (check: (source: Source) => readonly string[]) =>
  SOURCES.flatMap((source) => check(source).map((what) => `${source.path}: ${what}`));

describe('imports', () => {
  test('point down only', () => {
    expect(
      broken(({ path, imports }) => {
        const allowed = MAY_IMPORT[roomOf(path)] ?? [];
        return imports.filter((to) => {
          const may = allowed.includes('*') || allowed.includes(roomOf(to)) || allowed.includes(to);
          return roomOf(to) !== roomOf(path) && !may;
        });
      }),
    ).toEqual([]);
  });

  test('have no circles', () => {
    const importsOf = new Map(SOURCES.map(({ path, imports }) => [path, imports]));
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      else if (!done.has(path)) for (const next of importsOf.get(path) ?? []) walk(next, [...trail, path]);
      done.add(path);
    };
    for (const { path } of SOURCES) walk(path, []);
    expect(circles).toEqual([]);
  });

  test('keep vendors behind their fences', () => {
    expect(
      broken(({ path, vendors }) =>
        vendors.filter((vendor) => FENCES.some(([fenced, place]) => fenced.test(vendor) && !place.test(path))),
      ),
    ).toEqual([]);
    // ssh2 itself is loaded by its adapter; the others name its types.
    const loading = SOURCES.filter(({ text }) => /^import (?!type).*'ssh2'/m.test(text)).map(({ path }) => path);
    expect(loading.filter((path) => !path.startsWith('transport/ssh2-'))).toEqual([]);
  });

  test('reach adapters from app.ts only', () => {
    const isAdapter = (path: string) => /(^|\/)(azure|ssh2|file)-[\w-]+\.ts$/.test(path);
    expect(
      broken(({ path, imports }) =>
        isRoot(path) ? [] : imports.filter((to) => isAdapter(to) && dirname(to) !== dirname(path)),
      ),
    ).toEqual([]);
  });
});

describe('the world outside', () => {
  test('is touched at the edges only', () => {
    const world = /\bprocess\.(exit|argv|env|stdin|stdout|stderr)\b|\bconsole\./g;
    expect(broken(({ path, text }) => (EDGES.includes(path) ? [] : (code(text).match(world) ?? [])))).toEqual([]);
    expect(
      broken(({ path, text }) =>
        path === 'main.ts' || path === 'action.ts' ? [] : (code(text).match(/\bprocess\.exit\b/g) ?? []),
      ),
    ).toEqual([]);
  });

  test('time is behind Clock', () => {
    const time = /\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval|Immediate)\b|AbortSignal\.timeout/g;
    expect(broken(({ path, text }) => (path === 'app.ts' ? [] : (code(text).match(time) ?? [])))).toEqual([]);
  });
});

describe('size and names', () => {
  test('250 lines a file, 60 a function, nested ones not counted', () => {
    expect(broken(({ text }) => (text.split('\n').length > 251 ? [`${text.split('\n').length} lines`] : []))).toEqual(
      [],
    );
    expect(broken(({ text }) => longFunctions(text))).toEqual([]);
  });

  test('three parameters at most; more become one record', () => {
    expect(broken(({ text }) => crowdedFunctions(text))).toEqual([]);
  });

  test('no name that says nothing', () => {
    expect(
      broken(({ path }) => (/(utils?|helpers?|common|misc|manager)[^/]*\.ts$|\d\.ts$/.test(path) ? ['name'] : [])),
    ).toEqual([]);
  });

  test('no default exports, no classes but AppError', () => {
    expect(
      broken(({ text }) => code(text).match(/^export default|^(export )?(abstract )?class (?!AppError)\w+/gm) ?? []),
    ).toEqual([]);
  });
});

describe('commands', () => {
  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    '%s has examples of itself and describes all it takes',
    (name, command) => {
      expect(command.examples.length).toBeGreaterThanOrEqual(3);
      for (const { line, does } of command.examples)
        expect([line.includes(`azlin ${name}`), does !== '']).toEqual([true, true]);
      for (const [option, { kind, describe, choices, takes }] of Object.entries(command.options)) {
        expect([option, describe]).not.toEqual([option, '']);
        expect([option, kind === 'flag' || Boolean(choices) !== Boolean(takes)]).toEqual([option, true]);
      }
      const known = [...COMMANDS, ...TOPICS].map((one) => one.name);
      expect(command.seeAlso.filter((one) => one === name || !known.includes(one))).toEqual([]);
      expect(command.seeAlso).not.toEqual([]);
      const words = [...command.usage.matchAll(/[<[]([\w-]+)(?:\.\.)?[\]>]/g)].map(([, word]) => word);
      expect(Object.keys(command.positionals)).toEqual(words);
      const options: Options = { ...GLOBAL_OPTIONS, ...command.options };
      const shorts = Object.values(options).flatMap(({ short }) => (short ? [short] : []));
      expect(new Set(shorts).size).toBe(shorts.length);
    },
  );
});

/** The text without comments. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

interface Node {
  readonly type?: string;
  readonly span?: { readonly start: number; readonly end: number };
}

const FUNCTIONS = [
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'MethodProperty',
  'ClassMethod',
  'GetterProperty',
];

/** A file as swc reads it, and the lines of a span of it. */
function parsed(text: string) {
  const module = parseSync(text, { syntax: 'typescript', target: 'es2022' });
  const bytes = Buffer.from(text);
  // swc counts positions on from file to file; the module starts at its first token.
  const offset = module.span.start - Buffer.byteLength(text.slice(0, text.search(/\S/)));
  const textOf = ({ start, end }: { start: number; end: number }) =>
    bytes.subarray(start - offset, end - offset).toString();
  return { body: module.body, textOf };
}

function crowdedFunctions(text: string): readonly string[] {
  const { body, textOf } = parsed(text);
  const crowded: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    Object.values(value).forEach(visit);
    const { type = '', span, params } = value as Node & { params?: readonly unknown[] };
    if (FUNCTIONS.includes(type) && span && (params?.length ?? 0) > 3)
      crowded.push(`${params?.length}: ${textOf(span).slice(0, 50)}`);
  };
  visit(body);
  return crowded;
}

function longFunctions(text: string): readonly string[] {
  const { body, textOf } = parsed(text);
  const long: string[] = [];
  const visit = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) return 0;
    const nested = Object.values(value).reduce((sum: number, child) => sum + visit(child), 0);
    const { type = '', span } = value as Node;
    if (!FUNCTIONS.includes(type) || !span) return nested;
    const lines = textOf(span).split('\n').length;
    if (lines - nested > 60)
      long.push(`${lines - nested} lines in a function that starts ${textOf(span).slice(0, 50)}`);
    return Math.max(0, lines - 1);
  };
  visit(body);
  return long;
}
