import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pagesWithTables, withTables } from '../../scripts/tables.ts';
import { CONTENTS } from '../../src/cli/commands/index.ts';
import { BUILT_IN, GLOBAL_OPTIONS } from '../../src/cli/line/options.ts';
import { splitArgv, unknownOption } from '../../src/cli/line/split-argv.ts';
import { EXPLAINED_CODES } from '../../src/cli/topics/exit-codes.ts';
import { TOPICS } from '../../src/cli/topics/index.ts';
import type { DemoFleet, DemoMachine } from '../../src/demo/demo-fleet.ts';
import { exitCodeOf } from '../../src/domain/error-traits.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { checkSettings } from '../../src/settings/config.ts';
import { ENTRIES } from '../../src/settings/settings.ts';
import { bash, startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...pagesIn('docs')];

function pagesIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)
    .sort();
}

const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** Why what it shows is not run, or not compared. */
  readonly remark: string;
}

function blocksOf(page: string): readonly Block[] {
  const text = textOf(page);
  return [...text.matchAll(/(?:^<!-- (.*) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, remark = '', language = '', body = ''], _, all) => ({
      language,
      text: body,
      remark,
      line: text.slice(0, text.indexOf(body)).split('\n').length - (all.length > 0 ? 0 : 1),
    }),
  );
}

/** Fleets of pages that speak of other VMs than those of the demo. */
const FLEETS: Readonly<Record<string, { readonly machines: readonly DemoMachine[]; readonly before: string }>> = {
  'docs/mcp.md': {
    machines: [{ name: 'myvm', sessions: ['dev'] }],
    before: `printf '%s\\n' '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ssh_execute","arguments":{"server":"myvm","command":"hostname"}}}' | azlin mcp`,
  },
  'docs/fleet.md': {
    machines: [
      ...['web-1', 'web-2', 'web-3', 'db'].map((name) => ({ name, sessions: ['main'] })),
      { name: 'web-4', sessions: [] },
      { name: 'old', sessions: [], stopped: true },
    ],
    before:
      "azlin exec '*:main' 'printf \"app 2.4.1\\nworkers 2\\n\" >version'; azlin exec web-3:main 'sed -i s/4.1/4.0/ version'",
  },
};

/** What differs from run to run; everything else is as it is shown. */
const VARIES: readonly (readonly [shown: RegExp, any: string])[] = [
  [/\b[0-9a-f]{64}\b/, '[0-9a-f]{64}'],
  [/…|\.\.\.$/, '.*'],
  [/\/home\/alice[^\s:]*/, '[^\\s:]+'],
  [
    /\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?Z?)?/,
    '\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?Z?)?',
  ],
  [/\d+\.\d+\.\d+\.\d+(?::\d+)?/, '\\d+\\.\\d+\\.\\d+\\.\\d+(?::\\d+)?'],
  [/port \d+/, 'port \\d+'],
  [/Linux \d\S*/, 'Linux \\d\\S*'],
  [/\d+(?:\.\d+)? (?:ms|s|min|h)\b/, '\\d+(?:\\.\\d+)? (?:ms|s|min|h)'],
  // Ids of jobs.
  [/\b(?=[a-z]*\d)[a-z0-9]{10}\b/, '[a-z0-9]{10}'],
  [/SHA256:\S+/, 'SHA256:\\S+'],
  [/ {2,}/, ' +'],
];

/** A line that is shown, as an expression. */
function shape(line: string): RegExp {
  const varying = new RegExp(`(${VARIES.map(([shown]) => shown.source).join('|')})`);
  const parts = line.trimEnd().split(varying);
  const text = parts.map((part, index) => {
    if (index % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return VARIES.find(([shown]) => new RegExp(`^(?:${shown.source})$`).test(part))?.[1] ?? '.*';
  });
  // A summary names the target that took longest if it took a second or more.
  const tail = /^\d+ of \d+ done in/.test(line) && !line.includes('; longest: ') ? '(?:; longest: .*)?' : '';
  return new RegExp(`^${text.join('')}${tail}$`);
}

/**
 * What is shown and not said, or said and not shown; many VMs answer in any order. `…` as a line stands for any others.
 */
function differences(shown: readonly string[], said: readonly string[]): readonly string[] {
  const left = said.filter((line) => line.trim() !== '').map((line) => line.trimEnd());
  const missing = shown.filter((line) => {
    if (line.trim() === '…') return false;
    const expected = shape(line.replace(/^\^C/, ''));
    const at = left.findIndex((one) => expected.test(one));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const isWhole = !shown.some((line) => line.trim() === '…');
  return [...missing.map((line) => `not said: ${line}`), ...(isWhole ? left.map((line) => `not shown: ${line}`) : [])];
}

interface Shown {
  readonly command: string;
  readonly output: readonly string[];
}

function commandsOf(text: string): readonly Shown[] {
  const shown: { command: string; output: string[] }[] = [];
  for (const line of text.trimEnd().split('\n'))
    if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [] });
    else if (line.trim() !== '') shown.at(-1)?.output.push(line);
  return shown;
}

const toRun = PAGES.filter((page) =>
  blocksOf(page).some(({ language, remark }) => ['console', 'sh'].includes(language) && !remark.startsWith('not run')),
);

describe.each(toRun)('%s', (page) => {
  let fleet: DemoFleet;
  beforeAll(async () => {
    const stage = FLEETS[page];
    const started = await startFleet(stage?.machines);
    // What readers see, they see with the daemon.
    const { AZLIN_PERSIST: _, ...environment } = started.environment;
    fleet = { ...started, environment };
    writeFileSync(join(fleet.environment['AZLIN_HOME'] ?? '', 'config.toml'), '');
    // As on a page that somebody reads from the top.
    if (stage) await bash(fleet, stage.before);
    else await machineRun(fleet, 'myvm', ['true']);
  }, 60_000);
  afterAll(() => fleet.close());

  test('every command gives what it shows', async () => {
    const ids = new Map<string, string>();
    for (const { text, language, remark, line } of blocksOf(page)) {
      if (!['console', 'sh'].includes(language) || remark.startsWith('not run')) continue;
      const shown = language === 'sh' ? [{ command: text, output: [] }] : commandsOf(text);
      for (const { command, output } of shown) {
        const meant = [...ids].reduce((text, [from, to]) => text.replaceAll(from, to), command);
        const isBroken = output.some((one) => one.startsWith('^C'));
        const environment = { HOME: fleet.directory, XDG_DATA_HOME: fleet.directory, SHELL: '/bin/bash' };
        const run = isBroken ? `timeout --foreground --signal INT 3 ${meant}` : meant;
        const { stdout: said, exitCode } = await bash(fleet, `exec 2>&1; ${run}`, { environment });
        const [only = ''] = output;
        if (output.length === 1 && /^[a-z0-9]{10}$/.test(only)) ids.set(only, said.trim());
        const fails = output.some((one) => /^\^?C?error: /.test(one));
        const where = `${page}:${line}: ${command}`;
        // `; echo $?` shows how it ended, and ends well itself.
        const ends = command.includes('echo $?') ? false : fails;
        expect({ where, fails: exitCode !== 0, said }).toEqual({ where, fails: ends, said });
        if (remark.startsWith('not compared')) continue;
        if (language === 'sh') continue;
        expect({ where, differences: differences(output, said.split('\n')) }).toEqual({ where, differences: [] });
      }
    }
  }, 90_000);
});

describe('links', () => {
  const anchorsOf = (page: string) =>
    new Set(
      [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/`/g, '')
          .replace(/[^\p{L}\p{N}\s_-]/gu, '')
          .replace(/ /g, '-'),
      ),
    );

  test.each(PAGES)('of %s lead somewhere', (page) => {
    const prose = textOf(page).replace(/^```[\s\S]*?^```$/gm, '');
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to);
    for (const link of links) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path));
      expect([page, link, existsSync(join(ROOT, target))]).toEqual([page, link, true]);
      if (anchor !== undefined) expect([page, link, anchorsOf(target).has(anchor)]).toEqual([page, link, true]);
    }
  });

  test('every page of docs/ is linked from the README, directly or over others', () => {
    const reached = new Set<string>();
    const follow = (page: string) => {
      if (reached.has(page) || !existsSync(join(ROOT, page))) return;
      reached.add(page);
      for (const [, to = ''] of textOf(page).matchAll(/\]\(([^)#\s]+\.md)[^)]*\)/g))
        follow(relative(ROOT, join(ROOT, dirname(page), to)));
    };
    follow('README.md');
    expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
  });
});

describe('what is said in passing', () => {
  /** Stand-ins of the documentation, as words that could be typed. */
  const words = (text: string) =>
    text
      .replace(/\\\|.*$/, '')
      .replace(/\[--/g, '--')
      .replace(/[[\]]|…/g, '')
      .split(/ (?=(?:[^']*'[^']*')*[^']*$)/)
      .filter((word) => word !== '');

  test.each(PAGES)('commands in %s have options that there are', async (page) => {
    const prose = textOf(page).replace(/^```[\s\S]*?^```$/gm, '');
    for (const [, line = ''] of prose.matchAll(/`azlin ([^`]+)`/g)) {
      const { own, verb, command } = await splitArgv(words(line), CONTENTS, GLOBAL_OPTIONS);
      if (verb === undefined || /^[A-Z]+$/.test(verb) || ['createAzlin', 'demo --'].includes(verb)) continue;
      // What the other azlin has and this one does not.
      if (page === 'docs/coming-from.md' && ['killall', 'destroy'].includes(verb)) continue;
      if (page === 'docs/coming-from.md' && line === 'connect myvm --tmux-session dev') continue;
      const unknown = command && unknownOption(own, { ...GLOBAL_OPTIONS, ...command.options, ...BUILT_IN });
      expect({ page, line, known: command !== undefined, unknown }).toEqual({
        page,
        line,
        known: true,
        unknown: undefined,
      });
    }
  });

  test.each(PAGES)('settings in %s can be read', async (page) => {
    for (const { language, text } of blocksOf(page))
      if (language === 'toml' && !text.includes('[[vms]]')) await checkSettings(text, page);
  });

  test('a file of VMs can be read', async () => {
    const fleet = await startFleet([]);
    try {
      const [toml] = blocksOf('docs/configuration.md').filter(({ text }) => text.includes('[[vms]]'));
      const path = join(fleet.directory, 'vms.toml');
      writeFileSync(path, toml?.text ?? '');
      const { stdout, exitCode } = await bash(fleet, `azlin list --all --no-sessions --inventory ${path}`);
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: expect.stringMatching(/^build .*Stopped.*\nweb-1 .*203\.0\.113\.10/m),
      });
    } finally {
      fleet.close();
    }
  });
});

describe('nothing is left out', () => {
  const codes = Object.keys(EXPLAINED_CODES) as readonly ErrorCode[];

  test('tables are those that npm run tables writes, and every error code is in one', () => {
    const pages = pagesWithTables();
    for (const { url, text } of pages) expect([url.href, text]).toEqual([url.href, withTables(text)]);
    const table = textOf('docs/exit-codes.md');
    for (const code of codes)
      expect([code, table.includes(`| ${exitCodeOf(code)} | \`${code}\` |`)]).toEqual([code, true]);
    // What takes more than a line has a section with the code as its title.
    const sections = [...textOf('docs/troubleshooting.md').matchAll(/^## ([a-z-]+) \((\d+)\)$/gm)];
    expect(sections.length).toBeGreaterThan(5);
    for (const [, code, exit] of sections) expect([code, Number(exit)]).toEqual([code, exitCodeOf(code as ErrorCode)]);
  });

  test('each setting has a row with its variable', () => {
    const text = textOf('docs/configuration.md');
    for (const [, { key, variable }] of ENTRIES) {
      const row = text
        .split('\n')
        .find(
          (line) =>
            (line.startsWith('| ') && line.split('|')[1]?.includes(`\`${key}\``)) || line.includes(`\`[[${key}]]\``),
        );
      expect([key, row !== undefined]).toEqual([key, true]);
      if (variable) expect([key, row?.includes(variable)]).toEqual([key, true]);
    }
  });

  test('the README has every command, and is short; the picture is there', () => {
    const text = textOf('README.md');
    expect(text.split('\n').length).toBeLessThan(150);
    const table = text.slice(text.indexOf('## Commands'), text.indexOf('An identifier is'));
    for (const { name, heading } of CONTENTS.entries)
      if (heading) expect([name, new RegExp(`\`(azlin )?${name}\\b`).test(table)]).toEqual([name, true]);
    const picture = textOf('docs/terminal.svg');
    expect(picture).toMatch(
      /^<svg [\s\S]*\$ azlin list[\s\S]*Ambiguous session name[\s\S]*connection lost[\s\S]*<\/svg>\n$/,
    );
    // Columns have places of their own; browsers would make one space of several.
    expect(picture.match(/<text [^>]*>[^<]* {2}/g)).toBe(null);
    const times = [...picture.matchAll(/keyTimes="([^"]*)" values="([^"]*)"/g)].map(([, keys = '', values = '']) => ({
      keys: keys.split(';').map(Number),
      values: values.split(';'),
    }));
    expect(times.length).toBeGreaterThan(20);
    // A browser drops an animation whose times do not begin at 0 and rise.
    for (const { keys, values } of times)
      expect([keys[0], keys.length, [...new Set(keys)].sort((a, b) => a - b)]).toEqual([0, values.length, keys]);
    for (const { name } of TOPICS) expect(existsSync(join(ROOT, 'dist/man', `azlin-${name}.7`))).toBe(true);
  });
});
