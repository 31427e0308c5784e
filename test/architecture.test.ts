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
const ARCHITECTURE = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');

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
    const statements = code(text).matchAll(/^(?:import|export) [^;']*?from '([^']+)'|\bimport\('([^']+)'\)/gm);
    const named = [...statements].map(([, one, other]) => one ?? other ?? '');
    return {
      path,
      text,
      imports: named
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(SRC, join(SRC, dirname(path), name))),
      vendors: named.filter((name) => !name.startsWith('.') && !name.startsWith('node:')),
    };
  });

interface Room {
  /** Rooms, or files of rooms, that it may import besides itself; `*` for all but the faces. */
  readonly imports: readonly string[];
  /** Packages that it may use, and where: `ssh2 (ssh2/)`. */
  readonly packages: ReadonlyMap<string, string>;
  /** What others may import of it; `*` for all. */
  readonly open: readonly string[];
}

/** The table of docs/architecture.md: it says what is so, and this test reads it. */
const ROOMS: ReadonlyMap<string, Room> = new Map(
  [...ARCHITECTURE.matchAll(/^\| `([\w.-]+)` \|(.*?)\|(.*?)\|(.*?)\|$/gm)].map(
    ([, name = '', imports = '', packages = '', open = '']) => [
      name,
      {
        imports: list(imports),
        packages: new Map(list(packages).map((one) => [one.replace(/ \(.*/, ''), /\((.*)\)/.exec(one)?.[1] ?? ''])),
        open: list(open),
      },
    ],
  ),
);

function list(cell: string): readonly string[] {
  return cell
    .split(', ')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** The faces: none imports another, and nothing below imports one. */
const FACES = ['cli', 'action', 'library'];
/** Where the process itself is touched: of the command line, of the GitHub action, of whoever uses the library. */
const isEdge = (path: string) => /^(main|action|daemon|library)\.ts$/.test(path) || path.startsWith('app/');

/** The composition root. */
const isRoot = (path: string) => path.startsWith('app/');
const roomOf = (path: string) => path.split('/')[0] ?? '';
/** Whether its room names it for others. */
function isOpen(path: string): boolean {
  const room = roomOf(path);
  const { open = [] } = ROOMS.get(room) ?? {};
  return open.includes('*') || open.includes(path.slice(room.length + 1, -'.ts'.length)) || open.includes(path);
}

const broken = (check: (source: Source) => readonly string[]) =>
  SOURCES.flatMap((source) => check(source).map((what) => `${source.path}: ${what}`));

describe('imports', () => {
  test('point down only, and reach what a room names', () => {
    expect([...ROOMS.keys()].sort()).toEqual([...new Set(SOURCES.map(({ path }) => roomOf(path)))].sort());
    expect(
      broken(({ path, imports }) => {
        const { imports: allowed = [] } = ROOMS.get(roomOf(path)) ?? {};
        return imports.filter((to) => {
          if (roomOf(to) === roomOf(path) || to === '../package.json') return false;
          const isAllowed = allowed.includes(roomOf(to)) || allowed.includes(to) || allowed.includes('*');
          const isFace =
            FACES.includes(roomOf(to)) && !['main.ts', 'action.ts', 'daemon.ts', 'library.ts'].includes(path);
          return !isAllowed || isFace || !isOpen(to);
        });
      }),
    ).toEqual([]);
  });

  test('are what the table says: it names nothing that nobody imports', () => {
    const across = SOURCES.flatMap(({ path, imports }) => imports.filter((to) => roomOf(to) !== roomOf(path)));
    const unused = [...ROOMS].flatMap(([room, { open }]) =>
      open.filter((name) => name !== '*' && !across.includes(`${room}/${name}.ts`)).map((name) => `${room}/${name}`),
    );
    expect(unused).toEqual([]);
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

  test('keep packages where the table has them', () => {
    expect(
      broken(({ path, vendors }) =>
        vendors.filter((vendor) => {
          const place = ROOMS.get(roomOf(path))?.packages.get(vendor);
          return place === undefined || !path.slice(roomOf(path).length + 1).startsWith(place);
        }),
      ),
    ).toEqual([]);
    // ssh2 itself is loaded by its adapter; the others name its types.
    const loading = SOURCES.filter(({ text }) => /^import (?!type).*'ssh2'/m.test(text)).map(({ path }) => path);
    expect(loading.filter((path) => !path.startsWith('transport/ssh2/ssh2-'))).toEqual([]);
  });

  test('reach adapters from app/ only', () => {
    const isAdapter = (path: string) => /(^|\/)(azure|ssh2|file|sqlite|postgres)-[\w-]+\.ts$/.test(path);
    expect(
      broken(({ path, imports }) =>
        isRoot(path) ? [] : imports.filter((to) => isAdapter(to) && roomOf(to) !== roomOf(path)),
      ),
    ).toEqual([]);
  });
});

describe('the world outside', () => {
  test('is touched at the edges only', () => {
    const world = /\bprocess\.(exit|argv|env|stdin|stdout|stderr)\b|\bconsole\./g;
    expect(broken(({ path, text }) => (isEdge(path) ? [] : (code(text).match(world) ?? [])))).toEqual([]);
    expect(
      broken(({ path, text }) =>
        ['main.ts', 'action.ts', 'daemon.ts'].includes(path) ? [] : (code(text).match(/\bprocess\.exit\b/g) ?? []),
      ),
    ).toEqual([]);
  });

  test('time is behind Clock', () => {
    const time = /\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval|Immediate)\b|AbortSignal\.timeout/g;
    expect(broken(({ path, text }) => (path === 'app/system-clock.ts' ? [] : (code(text).match(time) ?? [])))).toEqual(
      [],
    );
  });
});

describe('size and names', () => {
  test('250 lines a file, 60 a function, nested ones not counted', () => {
    expect(broken(({ text }) => (text.split('\n').length > 251 ? [`${text.split('\n').length} lines`] : []))).toEqual(
      [],
    );
    expect(broken(({ text }) => longFunctions(text))).toEqual([]);
  });

  test('20 files a folder, the commands aside', () => {
    const folders = groupBy(
      readdirSync(SRC, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
      ({ parentPath }) => relative(SRC, parentPath),
    );
    const full = [...folders].filter(([folder, files]) => folder !== 'cli/commands' && files.length > 20);
    expect(full.map(([folder, { length }]) => `${folder}: ${length}`)).toEqual([]);
  });

  test('12 members an interface that does something; a record of data may have more', () => {
    expect(broken(({ text }) => crowdedInterfaces(text))).toEqual([]);
  });

  test('an exported name means one thing', () => {
    const exported = SOURCES.flatMap(({ path, text }) =>
      [...code(text).matchAll(/^export (?:async )?(?:const|function|interface|type|class) (\w+)/gm)].map(
        ([, name = '']) => [name, path] as const,
      ),
    );
    const twice = [...groupBy(exported, ([name]) => name)].filter(([, places]) => places.length > 1);
    expect(twice.map(([name, places]) => `${name}: ${places.map(([, path]) => path).join(', ')}`)).toEqual([]);
  });

  test('no cast by way of unknown', () => {
    expect(broken(({ text }) => code(text).match(/as unknown as/g) ?? [])).toEqual([]);
  });

  test('what lives as long as the process has nothing of one call', () => {
    const members = (path: string, name: string) =>
      interfaces(SOURCES.find((one) => one.path === path)?.text ?? '').get(name) ?? [];
    const ofCall = members('domain/caller.ts', 'Caller').map(({ name }) => name);
    const ofProcess = members('operations/access/fleet-access.ts', 'FleetAccess').map(({ name }) => name);
    expect([ofCall.length > 0, ofProcess.length > 0]).toEqual([true, true]);
    expect(ofProcess.filter((name) => ofCall.includes(name))).toEqual([]);
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

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

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
  // swc's module starts at its first token, wherever that is: with a token in front it is where the bytes start.
  const bytes = Buffer.from(`;${text.replace(/^#!/, '//')}`);
  const module = parseSync(bytes.toString(), { syntax: 'typescript', target: 'es2022' });
  const offset = module.span.start;
  const textOf = ({ start, end }: { start: number; end: number }) =>
    bytes.subarray(start - offset, end - offset).toString();
  return { body: module.body, textOf };
}

interface Member {
  readonly name: string;
  readonly isFunction: boolean;
}

/** The interfaces of a file, with their own members. */
function interfaces(text: string): ReadonlyMap<string, readonly Member[]> {
  const found = new Map<string, readonly Member[]>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    Object.values(value).forEach(visit);
    const { type, id, body } = value as { type?: string; id?: { value: string }; body?: { body: readonly object[] } };
    if (type !== 'TsInterfaceDeclaration' || !id || !body) return;
    found.set(
      id.value,
      body.body.map((member) => {
        const {
          key,
          type: kind,
          typeAnnotation,
        } = member as {
          key?: { value: string };
          type: string;
          typeAnnotation?: { typeAnnotation: { type: string } };
        };
        const isFunction = kind === 'TsMethodSignature' || typeAnnotation?.typeAnnotation.type === 'TsFunctionType';
        return { name: key?.value ?? '', isFunction };
      }),
    );
  };
  visit(parsed(text).body);
  return found;
}

function crowdedInterfaces(text: string): readonly string[] {
  return [...interfaces(text)]
    .filter(([, members]) => members.length > 12 && members.some(({ isFunction }) => isFunction))
    .map(([name, { length }]) => `${name}: ${length} members`);
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
