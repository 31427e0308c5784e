import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bash, startFleet } from '../support/fleet.ts';
import { hasTool } from '../support/tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCENARIOS = fileURLToPath(new URL('./scenarios/', import.meta.url));
/** Releases of Node besides the one that runs this; more with AZLIN_NODES=22,24,26. */
const NODES = (process.env['AZLIN_NODES'] ?? '26').split(',');

let directory: string;
let tarball: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'azlin-package-'));
  // It is built already.
  const packed = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', directory, ROOT]);
  tarball = join(directory, (JSON.parse(packed.stdout) as [{ filename: string }])[0].filename);
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** npm as somebody has it who has set nothing up. */
function npm(args: readonly string[], node = process.execPath) {
  const cli = join(process.execPath, '../../lib/node_modules/npm/bin/npm-cli.js');
  const [program, ...first] = existsSync(cli) ? [node, cli] : ['npm'];
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const registry = process.env['npm_config_registry'];
  const env = {
    ...environment,
    NODE_OPTIONS: '',
    NPM_CONFIG_USERCONFIG: '/dev/null',
    ...(registry ? { NPM_CONFIG_REGISTRY: registry } : {}),
  };
  return spawnSync(program ?? 'npm', [...first, ...args], { encoding: 'utf8', env, timeout: 120_000 });
}

/** A Node of that release, from the registry; undefined where it cannot be had. */
function nodeOf(release: string): string | undefined {
  const place = join(directory, `node-${release}`);
  npm(['install', '--prefix', place, '--no-audit', '--no-fund', `node@${release}`]);
  const node = join(place, 'node_modules/node/bin/node');
  return existsSync(node) && spawnSync(node, ['--version']).status === 0 ? node : undefined;
}

function sizeOf(path: string): number {
  if (!lstatSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

describe.each([...new Set([process.versions.node.split('.')[0] ?? '', ...NODES])])(
  'installed globally, on Node %s',
  (release) => {
    let node: string | undefined;
    let prefix: string;
    let cli: readonly string[];
    beforeAll(() => {
      node = process.versions.node.startsWith(`${release}.`) ? process.execPath : nodeOf(release);
      if (!node) process.stderr.write(`Node ${release} cannot be had here; the package is not tried with it\n`);
      prefix = join(directory, `prefix-${release}`);
      cli = [node ?? '', join(prefix, 'bin/azlin')];
    }, 180_000);

    test('npm installs it without a network, a script or a warning, and it is small', () => {
      if (!node) return;
      const installed = npm(
        ['install', '--global', '--offline', '--prefix', prefix, '--no-fund', '--no-audit', tarball],
        node,
      );
      expect({ stderr: installed.stderr, status: installed.status }).toEqual({ stderr: '', status: 0 });
      expect(installed.stdout.trim()).toMatch(/^added 1 package in/);
      const place = join(prefix, 'lib/node_modules/azlin');
      expect(sizeOf(place)).toBeLessThan(15_000_000);
      expect(existsSync(join(place, 'node_modules'))).toBe(false);
      const { scripts, dependencies, version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
        dependencies?: object;
        version: string;
      };
      expect(dependencies).toBeUndefined();
      expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
      const [program = '', ...args] = cli;
      expect(execFileSync(program, [...args, '--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
    }, 120_000);

    test('manual pages, licences, completion and types are there', () => {
      if (!node) return;
      const place = join(prefix, 'lib/node_modules/azlin');
      if (hasTool('man')) {
        const said = spawnSync('man', ['azlin-exec'], {
          encoding: 'utf8',
          env: { ...process.env, MANPATH: join(prefix, 'share/man'), MANPAGER: 'cat', MANWIDTH: '80' },
        });
        expect({ status: said.status, stderr: said.stderr }).toEqual({ status: 0, stderr: '' });
        expect(said.stdout).toMatch(/azlin exec 'web-\*:main' uptime/);
      }
      const licences = readFileSync(join(place, 'dist/LICENSES.txt'), 'utf8');
      const kinds = [...licences.matchAll(/^-{80}\n\S+ \S+ \((.*)\)$/gm)].map(([, kind]) => kind);
      expect(kinds.length).toBeGreaterThan(50);
      expect(
        kinds.filter(
          (kind) =>
            !/^\(?(MIT|ISC|BSD-[23]-Clause|0BSD|Apache-2\.0|BlueOak-1\.0\.0|Unlicense)( OR .*)?\)?$/.test(kind ?? ''),
        ),
      ).toEqual([]);
      for (const name of ['ssh2', '@azure/identity', 'cli-table3', 'yargs-parser', 'smol-toml'])
        expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
      expect(licences).toMatch(/Permission is hereby granted/);
      const [program = '', ...args] = cli;
      const script = execFileSync(program, [...args, 'completion', 'bash'], { encoding: 'utf8' });
      expect(script).toBe(readFileSync(join(ROOT, 'completions/azlin.bash'), 'utf8'));
      expect(existsSync(join(place, 'dist/types/library.d.ts'))).toBe(true);
    });

    test('the tour passes with it', () => {
      // With this Node demo.test.ts runs it.
      if (!node || node === process.execPath) return;
      const [program = '', ...args] = cli;
      const home = mkdtempSync(join(directory, 'home-'));
      const env = { ...process.env, NODE_OPTIONS: '', HOME: home, AZLIN_HOME: '', CI: '' };
      const { status, stdout, stderr } = spawnSync(program, [...args, 'demo', '--tour'], {
        encoding: 'utf8',
        env,
        timeout: 170_000,
      });
      expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
    }, 180_000);

    // The longest of them stands for the others, which scenarios.test.ts runs.
    const files = readdirSync(SCENARIOS).filter((file) => file === 'team.sh');
    test.each(files)(
      '%s passes with it',
      async (file) => {
        // With this Node the same files run them in scenarios.test.ts.
        if (!node || node === process.execPath) return;
        const fleet = await startFleet(undefined, { cli });
        try {
          const { exitCode, stderr, stdout } = await bash(fleet, `exec ${SCENARIOS}${file}`);
          expect({ exitCode, said: exitCode === 0 ? '' : stdout + stderr }).toEqual({ exitCode: 0, said: '' });
        } finally {
          fleet.close();
        }
      },
      120_000,
    );
  },
);
