/*
 * Bundles the product into dist/, split into parts so that each call loads only what it needs. The parts are CommonJS, which loads faster than ES modules.
 * An installed azlin has no dependencies; the licences of what is bundled are included. Usage: npm run build
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type RolldownOutput, rolldown } from 'rolldown';
import packageJson from '../package.json' with { type: 'json' };
import { CONTENTS } from '../src/cli/commands/index.ts';
import { licencesOf } from './licences.ts';
import { manualPages } from './manual.ts';
import { shellTexts } from './shell-texts.ts';

const ROOT = new URL('../', import.meta.url).pathname;
const OUT = `${ROOT}dist/`;

interface Group {
  readonly name: string;
  readonly priority: number;
  /** Modules of azlin itself. */
  readonly modules?: readonly string[];
  /** Packages, or scopes of them. */
  readonly packages?: readonly string[];
}

/** A module goes to the first group that names it, with all its imports that no stronger group has. The others are split by how they are reached. */
const GROUPS: readonly Group[] = [
  { name: 'ssh2', priority: 9, packages: ['ssh2', 'asn1', 'bcrypt-pbkdf', 'safer-buffer', 'tweetnacl'] },
  { name: 'azure', priority: 9, packages: ['@azure', '@azure-rest', '@typespec'] },
  // Loaded by every call before anything else, and by most of them alone.
  {
    name: 'quick',
    priority: 10,
    modules: [
      'package.json',
      'src/app/code-cache.ts',
      'src/app/quick-call.ts',
      'src/daemon/wire.ts',
      'src/daemon/place.ts',
      'src/daemon/greeted.ts',
      'src/app/system-clock.ts',
    ],
  },
  // Needed by every call.
  {
    name: 'cli',
    priority: 8,
    modules: [
      'src/app/create-app.ts',
      'src/cli/run-program.ts',
      'src/cli/interrupts.ts',
      'src/cli/output/report-error.ts',
    ],
  },
  { name: 'settings', priority: 7, modules: ['src/settings/config.ts'] },
  // Needed for completion, while somebody waits for it.
  {
    name: 'completion',
    priority: 6,
    modules: [
      'src/app/completion-knowledge.ts',
      'src/app/resource.ts',
      'src/inventory/azure/azure-settings.ts',
      'src/cli/commands/complete.ts',
    ],
  },
  // Needed by every call that reaches a VM.
  {
    name: 'fleet',
    priority: 5,
    modules: [
      'src/app/fleet-access.ts',
      'src/transport/ssh-config/ssh-config.ts',
      'src/cli/commands/exec.ts',
      'src/cli/commands/list.ts',
      'src/cli/commands/connect.ts',
    ],
  },
  // Needed by whatever connects itself: the daemon, and calls without it.
  { name: 'dial', priority: 4, modules: ['src/transport/ssh2/ssh2-transport.ts'] },
  {
    name: 'jobs',
    priority: 4,
    modules: [
      'src/operations/jobs/durable.ts',
      'src/operations/jobs/find-job.ts',
      'src/operations/jobs/job-as-command.ts',
      'src/operations/jobs/list-jobs.ts',
      'src/operations/jobs/logs.ts',
      'src/store/first-time.ts',
    ],
  },
];

/** Loads modules of Node with `require` where the sources have `import()`: compiled code that comes from the cache has no way to import. */
const requireBuiltins = {
  name: 'require-builtins',
  renderChunk: (code: string) =>
    code.replace(
      /\bimport\(([`"'])(node:[\w/]+)\1\)/g,
      (_, _quote, name) => `Promise.resolve().then(()=>require("${name}"))`,
    ),
};

process.chdir(ROOT);
rmSync(OUT, { recursive: true, force: true });
const { output } = await bundle();
checkGroups(modulesIn(output));
// The package.json of the sources says that they are ES modules.
writeFileSync(`${OUT}package.json`, '{ "type": "commonjs" }\n');
writeFileSync(`${OUT}LICENSES.txt`, licencesOf(ROOT, modulesIn(output)));
writeFileSync(`${OUT}library.mjs`, "export { AzlinError, createAzlin, createRegistry } from './library.js';\n");
chmodSync(`${OUT}azlin.js`, 0o755);
await describeCommands();
await writeManual();
writeTypes();

/** Changes with the sources and the packages that are bundled. */
function buildId(): string {
  const hash = createHash('sha256').update(readFileSync(`${ROOT}package-lock.json`));
  for (const file of readdirSync(`${ROOT}src`, { recursive: true, withFileTypes: true }))
    if (file.isFile()) hash.update(file.name).update(readFileSync(join(file.parentPath, file.name)));
  return hash.digest('hex').slice(0, 12);
}

async function bundle(): Promise<RolldownOutput> {
  const build = await rolldown({
    input: { azlin: 'src/main.ts', daemon: 'src/daemon.ts', action: 'src/action.ts', library: 'src/library.ts' },
    platform: 'node',
    // Native modules that ssh2 can do without.
    external: ['cpu-features', /sshcrypto\.node$/],
    transform: { target: 'node20.19', define: { AZLIN_BUILD: JSON.stringify(buildId()) } },
    // Only the parser of yargs is used; the rest would read locales at every start.
    treeshake: {
      moduleSideEffects: (id) => !/\/node_modules\/(?:yargs|cliui|y18n|escalade|get-caller-file)\//.test(id),
    },
    plugins: [shellTexts, requireBuiltins],
  });
  return build.write({
    dir: OUT,
    format: 'cjs',
    minify: true,
    // Stack traces show names of functions, and names of errors are compared.
    keepNames: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'parts/[name]-[hash].js',
    // Each file costs a third of a millisecond, so what is always needed together goes into one.
    codeSplitting: { groups: GROUPS.map(groupOf) },
  });
}

/** What the path of a module of the group contains. */
function placesOf({ modules = [], packages = [] }: Group): readonly string[] {
  return [...modules.map((path) => `${ROOT}${path}`), ...packages.map((name) => `/node_modules/${name}/`)];
}

/** The group as the bundler wants it. */
function groupOf(group: Group) {
  const places = placesOf(group);
  const { name, priority } = group;
  return { name, priority, test: (id: string) => places.some((place) => id.includes(place)) };
}

/** Throws for a stale name, which would slow down every start without anybody noticing. */
function checkGroups(bundled: readonly string[]): void {
  const lost = GROUPS.flatMap(placesOf).filter((place) => !bundled.some((id) => id.includes(place)));
  if (lost.length > 0)
    throw new Error(`GROUPS of scripts/build.ts names what is not in the bundle: ${lost.join(', ')}`);
}

/** Writes the types of the library: the declarations of its face, and of the modules that these name. */
function writeTypes(): void {
  const all = mkdtempSync(join(tmpdir(), 'azlin-types-'));
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', 'src', '--outDir', all];
  try {
    execFileSync(
      process.execPath,
      ['node_modules/typescript/bin/tsc', '-p', 'scripts/tsconfig.types.json', ...options],
      {
        stdio: 'inherit',
      },
    );
    copyTypes(all, 'library.d.ts', new Set());
    // For ES modules, in which TypeScript must not accept a default import of the whole library.
    copyFileSync(join(OUT, 'types/library.d.ts'), join(OUT, 'types/library.d.mts'));
  } finally {
    rmSync(all, { recursive: true });
  }
}

function copyTypes(from: string, path: string, done: Set<string>): void {
  if (done.has(path)) return;
  done.add(path);
  const text = readFileSync(join(from, path), 'utf8');
  const to = join(OUT, 'types', path);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text.replace(/(from '\.[^']*)\.ts'/g, "$1.js'"));
  for (const [, name = ''] of text.matchAll(/from '(\.[^']*)\.ts'/g))
    copyTypes(from, `${join(dirname(path), name)}.d.ts`, done);
}

async function writeManual(): Promise<void> {
  const commands = [];
  for (const entry of CONTENTS.entries) commands.push({ ...entry, ...(await entry.load()) });
  mkdirSync(`${OUT}man`);
  const pages = await manualPages(CONTENTS, commands, packageJson.version);
  for (const { file, text } of pages) writeFileSync(`${OUT}man/${file}`, text);
  // npm links only the pages that are named there.
  const named = pages.map(({ file }) => `./dist/man/${file}`).sort();
  if (JSON.stringify(named) !== JSON.stringify(packageJson.man))
    throw new Error(`"man" of package.json must be ${JSON.stringify(named)}`);
}

/** Writes what completion needs to know of the commands, so that it need not load them. */
async function describeCommands(): Promise<void> {
  mkdirSync(`${OUT}commands`);
  for (const { name, load } of CONTENTS.entries) {
    const { usage, positionals, options, remote, takesMany } = await load();
    writeFileSync(
      `${OUT}commands/${name}.json`,
      JSON.stringify({ name, usage, positionals, options, remote, takesMany }),
    );
  }
}

function modulesIn(files: RolldownOutput['output']): readonly string[] {
  return files.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
}
