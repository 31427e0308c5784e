/*
 * `npm run soak:tmux [-- RELEASE… SUITE…]`: runs the tests of sessions with other releases of tmux from Debian's archive. Needs root and a Debian that can
 * download packages; a release that cannot be downloaded is reported and left out. While a release is tested, it comes before the machine's own tmux in
 * PATH.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const SUITES = ['tmux.test', 'sessions', 'live', 'sharing', 'prune'];
const wanted = process.argv.slice(2);
/** Debian's releases, and the libraries that tmux needs there besides those of this machine. */
const RELEASES = ['bullseye', 'trixie', 'forky', 'sid'];
const releases = wanted.filter((one) => RELEASES.includes(one));
const suites = wanted.filter((one) => !RELEASES.includes(one));
const LIBRARIES = [
  'libc6',
  'libevent-core-2.1-7t64',
  'libtinfo6',
  'libutempter0',
  'libsystemd0',
  'libjemalloc2',
  'libcap2',
  'libgcrypt20',
  'libgpg-error0',
  'liblz4-1',
  'liblzma5',
  'libzstd1',
];
const IN_FRONT = '/usr/local/bin/tmux';

const directory = mkdtempSync('/tmp/azlin-tmux-releases-');
chmodSync(directory, 0o755);
let isBad = false;
try {
  for (const release of releases.length > 0 ? releases : RELEASES) {
    const tmux = fetchTmux(release);
    if (tmux === undefined) continue;
    if (existsSync(IN_FRONT)) throw new Error(`${IN_FRONT} is in the way`);
    symlinkSync(tmux, IN_FRONT);
    try {
      const version = execFileSync(tmux, ['-V'], { encoding: 'utf8' }).trim();
      console.log(`${release}: ${version}`);
      const jest = [
        '--experimental-vm-modules',
        'node_modules/jest/bin/jest.js',
        ...(suites.length > 0 ? suites : SUITES),
      ];
      isBad = spawnSync(process.execPath, jest, { stdio: 'inherit' }).status !== 0 || isBad;
    } finally {
      rmSync(IN_FRONT);
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exit(isBad ? 1 : 0);

/** The path of a release's tmux; undefined if it cannot be downloaded. */
function fetchTmux(release: string): string | undefined {
  const place = join(directory, release);
  for (const folder of ['lists/partial', 'cache/archives/partial', 'root', 'bin'])
    mkdirSync(join(place, folder), { recursive: true });
  writeFileSync(join(place, 'sources'), `deb [trusted=yes] http://deb.debian.org/debian ${release} main\n`);
  const options = [
    ['Dir::Etc::sourcelist', join(place, 'sources')],
    ['Dir::Etc::sourceparts', '-'],
    ['Dir::State::lists', join(place, 'lists')],
    ['Dir::Cache', join(place, 'cache')],
    ['Dir::State::status', '/dev/null'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const apt = (...args: string[]) =>
    spawnSync('apt-get', [...options, ...args], { cwd: place, stdio: 'ignore' }).status === 0;
  if (!apt('update') || !apt('download', 'tmux')) {
    console.log(`${release}: its tmux cannot be had here`);
    return undefined;
  }
  // If a library has another name in a release, the one of this machine is used.
  for (const library of LIBRARIES) apt('download', library);
  for (const name of readdirSync(place).filter((one) => one.endsWith('.deb')))
    execFileSync('dpkg', ['-x', join(place, name), join(place, 'root')]);
  return wrapper(place);
}

/** Writes a program that runs the release's tmux, with the libraries of the release if those of this machine are too old. */
function wrapper(place: string): string {
  const root = join(place, 'root');
  const program = join(root, 'usr/bin/tmux');
  const path = join(place, 'bin/tmux');
  const find = (...args: string[]) =>
    execFileSync('find', [root, ...args], { encoding: 'utf8' })
      .trim()
      .split('\n');
  const isOwn = spawnSync(program, ['-V']).status === 0;
  const loader = find('-name', 'ld-linux-x86-64.so.2')[0] ?? '';
  const libraries = [...new Set(find('-name', '*.so*', '-printf', '%h\n'))].join(':');
  const line = isOwn ? program : `${loader} --library-path ${libraries} --argv0 tmux ${program}`;
  writeFileSync(path, `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 });
  return path;
}
