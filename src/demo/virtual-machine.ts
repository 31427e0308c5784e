import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../domain/errors.ts';
import type { Tools } from './tools.ts';

const run = promisify(execFile);

export interface MachineRequest {
  readonly name: string;
  /** Its own folder. The path must be short, because tmux's socket is in it. */
  readonly directory: string;
  /** A loopback address. */
  readonly address: string;
  /** Public keys that may log in, in the format of authorized_keys. */
  readonly authorizedKeys: string;
  readonly sessions: readonly string[];
  readonly tools: Tools;
  /** More lines for sshd_config; the first mention of a keyword counts, and these come first. */
  readonly sshdConfig?: readonly string[];
  /** Variables of every login, which override the usual ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** More lines for ~/.bashrc, read at every login. */
  readonly bashrc?: string;
  readonly hostKeyType?: 'ed25519' | 'rsa' | 'ecdsa';
}

/** A stand-in for a VM: its own sshd, whose logins have their own home and tmux server. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** The user to log in as: the one who started it. */
  readonly user: string;
  readonly home: string;
  /** The process of its sshd. */
  readonly pid: number;
  /** The environment in which `tmux` reaches the machine's server. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends it and everything that runs on it, at once. */
  stop(): void;
}

/** Starts sshd as the invoking user, root or not, and makes the sessions. */
export async function startMachine(request: MachineRequest): Promise<Machine> {
  const { name, directory, address, sessions, tools } = request;
  const home = join(directory, 'home');
  await mkdir(home, { recursive: true });
  await writeHome(home, request);
  const user = userInfo();
  const environment = {
    HOME: home,
    TMUX_TMPDIR: directory,
    USER: user.username,
    LOGNAME: user.username,
    SHELL: user.shell ?? '/bin/sh',
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin',
    LANG: 'C.UTF-8',
    ...request.environment,
  };
  const port = await freePort(address);
  const sshd = await startSshd({ ...request, home, port, environment });
  const stop = () => {
    // Jobs of azlin outlive connections and the tmux server.
    const { stdout = '' } = spawnSync('pgrep', ['-f', `${home}/.azlin/jobs/`], { encoding: 'utf8' });
    const supervisors = stdout.split('\n').map(Number);
    spawnSync(tools.tmux, ['kill-server'], { env: environment, stdio: 'ignore' });
    killTree([sshd.pid ?? 0, ...supervisors]);
  };
  try {
    for (const session of sessions) {
      const start = () =>
        run(tools.tmux, ['-u', 'new-session', '-d', '-s', session, '-c', home], { env: environment, cwd: home });
      // A tmux server that starts on a busy machine sometimes ends at once.
      await start().catch((error: Error) => (/server exited/.test(error.message) ? start() : Promise.reject(error)));
    }
  } catch (error) {
    stop();
    throw error;
  }
  return { name, address, port, user: user.username, home, pid: sshd.pid ?? 0, environment, stop };
}

async function writeHome(home: string, { name, bashrc = '' }: MachineRequest): Promise<void> {
  await writeFile(join(home, '.bashrc'), `PS1='${name}:\\w\\$ '\n${bashrc}\n`);
  await writeFile(join(home, '.profile'), '. "$HOME/.bashrc"\n');
  await writeFile(join(home, '.zshrc'), `PS1='${name}:%~%# '\n`);
}

interface Sshd extends MachineRequest {
  readonly home: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

async function startSshd(request: Sshd): Promise<ChildProcess> {
  const { directory, authorizedKeys, tools, hostKeyType = 'ed25519' } = request;
  const hostKey = join(directory, 'host_key');
  // A VM that is started again keeps its host key.
  if (!existsSync(hostKey))
    await run(tools.sshKeygen, ['-q', '-t', hostKeyType, '-N', '', '-C', request.name, '-f', hostKey]);
  await writeFile(join(directory, 'authorized_keys'), authorizedKeys);
  await writeFile(join(directory, 'sshd_config'), await sshdConfig(request, hostKey));
  // As root, sshd needs this folder. Packages only make it when their service starts.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const child = spawn(tools.sshd, ['-D', '-e', '-f', join(directory, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await listening(child, request);
  return child;
}

async function sshdConfig(
  { directory, address, port, environment, sshdConfig: extra = [] }: Sshd,
  hostKey: string,
): Promise<string> {
  const variables = {
    HOME: environment['HOME'],
    TMUX_TMPDIR: environment['TMUX_TMPDIR'],
    PATH: environment['PATH'],
    LANG: environment['LANG'],
  };
  const lines = [
    ...extra,
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${hostKey}`,
    'PidFile none',
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'StrictModes no',
    `UsePAM ${(await needsPam()) ? 'yes' : 'no'}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'PrintMotd no',
    'PrintLastLog no',
    'LogLevel INFO',
    `SetEnv ${Object.entries(variables)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Why an sshd of this user cannot allocate a terminal; undefined if it can. sshd gives each terminal to the group `tty`. Unless the
 * kernel has done that already (`gid=` of /dev/pts), only root may.
 */
export async function noTerminalReason(): Promise<string | undefined> {
  if (process.getuid?.() === 0 || process.platform !== 'linux') return undefined;
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const options = mounts.split('\n').findLast((line) => line.includes(' /dev/pts ')) ?? 'gid=';
  if (options.includes('gid=')) return undefined;
  return 'the sshd of an ordinary user cannot allocate a terminal here: /dev/pts is mounted without gid=5';
}

/** Without PAM sshd refuses an account whose password is locked with "!", as root's often is. */
async function needsPam(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const shadow = await readFile('/etc/shadow', 'utf8').catch(() => '');
  return /^root:!/m.test(shadow);
}

/** Settles when sshd says that it listens. */
function listening(child: ChildProcess, { name, address, port }: Sshd): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      // Keep reading: a full pipe would stall sshd.
      if (said.length < 4_000) said += chunk.toString();
      if (said.includes('Server listening')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () =>
      reject(new AppError('unreachable', `sshd for "${name}" does not listen on ${address}:${port}: ${said.trim()}`)),
    );
  });
}

/** Kills processes and all their children. Commands have their own sessions and would outlive their sshd, so they are looked up before it ends. */
function killTree(roots: readonly number[]): void {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = (stdout ?? '').split('\n').map((row) => row.trim().split(/\s+/).map(Number));
  const doomed = roots.filter((pid) => pid > 0);
  for (const pid of doomed) doomed.push(...rows.filter(([, parent]) => parent === pid).map(([child = 0]) => child));
  for (const pid of doomed) {
    try {
      if (pid) process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** A free port: sshd cannot choose one itself. */
function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
