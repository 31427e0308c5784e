import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError, messageOf } from '../domain/errors.ts';

const run = promisify(execFile);

/** Absolute paths of the programs that a VM of the demo is made of. */
export interface Tools {
  readonly sshd: string;
  readonly sshKeygen: string;
  readonly tmux: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

// The service of a freshly installed sshd must not start: the demo only needs the program.
const APT_SCRIPT = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends openssh-server openssh-client tmux
`;
const BY_HAND = 'sudo apt-get install openssh-server tmux, or the same with your package manager';
const INSTALL_LIMIT = 300_000;

/** Finds sshd and tmux, and installs them if that needs no password. Rejects with `usage` if they have to be installed by hand. */
export async function ensureTools(environment: Environment, report: (line: string) => void): Promise<Tools> {
  const found = await findTools(environment);
  if (found) return found;
  const installer = await installerFor(environment);
  if (!installer) throw new AppError('usage', 'The demo needs sshd and tmux on this machine', { hint: BY_HAND });
  report(`Installing ${installer.what}, once`);
  try {
    await run(installer.command, installer.args, { timeout: INSTALL_LIMIT, maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    throw new AppError('usage', `Cannot install ${installer.what}: ${messageOf(error)}`, {
      cause: error,
      hint: BY_HAND,
    });
  }
  const installed = await findTools(environment);
  if (!installed)
    throw new AppError('usage', 'sshd and tmux are still missing after the installation', { hint: BY_HAND });
  return installed;
}

async function findTools(environment: Environment): Promise<Tools | undefined> {
  const [sshd, sshKeygen, tmux] = await Promise.all(
    ['sshd', 'ssh-keygen', 'tmux'].map((name) => findProgram(name, environment)),
  );
  return sshd && sshKeygen && tmux ? { sshd, sshKeygen, tmux } : undefined;
}

async function findProgram(name: string, environment: Environment): Promise<string | undefined> {
  // sshd is often in a directory that is not on the user's PATH.
  const extra = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin', '/usr/local/bin'];
  for (const directory of [...(environment['PATH'] ?? '').split(delimiter), ...extra]) {
    const path = join(directory, name);
    if (directory !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

interface Installer {
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
}

async function installerFor(environment: Environment): Promise<Installer | undefined> {
  const what = 'openssh-server and tmux (without starting the SSH service)';
  const brew = await findProgram('brew', environment);
  if (brew) return { what: 'openssh and tmux', command: brew, args: ['install', '--quiet', 'openssh', 'tmux'] };
  if (!(await findProgram('apt-get', environment))) return undefined;
  if (process.getuid?.() === 0) return { what, command: 'sh', args: ['-c', APT_SCRIPT] };
  const sudo = await findProgram('sudo', environment);
  const mayAsRoot =
    sudo &&
    (await run(sudo, ['-n', 'true'], { timeout: 5_000 }).then(
      () => true,
      () => false,
    ));
  return mayAsRoot ? { what, command: sudo, args: ['-n', 'sh', '-c', APT_SCRIPT] } : undefined;
}
