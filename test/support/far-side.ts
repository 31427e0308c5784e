import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import type { MachineResult } from './machine.ts';

/** The ids of users that exist only for the sshd of a VM, not on this machine. */
const ALICE = 54_321;
const MALLORY = 54_322;

export interface FarSideRequest {
  readonly name: string;
  /** The login shell of alice. */
  readonly shell?: string;
  /** Her files, by their paths in her home. */
  readonly files?: Readonly<Record<string, string>>;
  readonly sessions?: readonly string[];
  /** Her home, if she shares it with another VM. */
  readonly home?: string;
  /** More lines of sshd_config. */
  readonly sshdConfig?: readonly string[];
  /** Files that replace the machine's own ones: `/etc/machine-id`. */
  readonly mounts?: Readonly<Record<string, string>>;
  readonly path?: string;
}

/** A VM with its own users: alice, as whom azlin signs in, and mallory. Its sshd has its own mounts, which needs root. */
export interface FarSide {
  readonly home: string;
  readonly address: string;
  readonly port: number;
  /** Runs something there as alice, or as mallory, without azlin. */
  run(argv: readonly string[], user?: 'alice' | 'mallory'): Promise<MachineResult>;
  /** Starts something there that runs until `stop`. */
  spawn(argv: readonly string[], user?: 'alice' | 'mallory'): ChildProcess;
  /** Writes a file in the home of alice. */
  write(path: string, text: string): void;
  read(path: string): string;
  stop(): void;
}

/** Whether VMs with users of their own can be started here. */
export function canHaveUsers(): boolean {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'mount --bind /etc/passwd /etc/passwd'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let made = 0;

/** Starts such a VM and adds it to the lab's inventory. */
export async function startFarSide(lab: Lab, request: FarSideRequest): Promise<FarSide> {
  const { name, shell = '/bin/bash', files = {}, sessions = ['dev'], sshdConfig = [], mounts = {} } = request;
  const directory = mkdtempSync('/tmp/azlin-far-');
  chmodSync(directory, 0o755);
  const home = request.home ?? join(directory, 'home');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  chownSync(home, ALICE, ALICE);
  const sockets = join(directory, 'tmux');
  mkdirSync(sockets);
  chownSync(sockets, ALICE, ALICE);
  const write = (path: string, text: string) => {
    writeFileSync(join(home, path), text);
    chownSync(join(home, path), ALICE, ALICE);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  const address = `127.22.0.${++made}`;
  const port = await freePort(address);
  const path = request.path ?? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
  const config = writeServer({ directory, name, home, sockets, shell, address, port, path, sshdConfig, lab });
  const binds = { '/etc/passwd': config.passwd, '/etc/shadow': config.shadow, ...mounts };
  const lines = Object.entries(binds).map(([to, from]) => `mount --bind '${from}' '${to}' && `);
  const script = `${lines.join('')}hostname '${name}' && exec "$0" "$@"`;
  const inside = (argv: readonly string[]) => ['-m', '-u', 'sh', '-c', script, ...argv];
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const sshd = spawn('unshare', inside(['/usr/sbin/sshd', '-D', '-e', '-f', config.sshd]), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await listening(sshd);
  const children = new Set<ChildProcess>([sshd]);
  const as = (user: 'alice' | 'mallory', argv: readonly string[]) => {
    const id = `${user === 'alice' ? ALICE : MALLORY}`;
    return inside(['setpriv', '--reuid', id, '--regid', id, '--clear-groups', ...argv]);
  };
  const env = { HOME: home, TMUX_TMPDIR: sockets, PATH: path, SHELL: shell, LANG: 'C.UTF-8', USER: 'alice' };
  const run: FarSide['run'] = (argv, user = 'alice') =>
    new Promise((resolve) => {
      execFile('unshare', as(user, argv), { env, cwd: user === 'alice' ? home : '/tmp' }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        resolve({ code, stdout, stderr });
      });
    });
  for (const session of sessions) {
    const { code, stderr } = await run(['tmux', '-u', 'new-session', '-d', '-s', session, '-c', home]);
    if (code !== 0) throw new Error(`tmux on ${name}: ${stderr}`);
  }
  lab.name(name, { id: `id-of-${name}`, address, port, user: 'alice' });
  return {
    home,
    address,
    port,
    run,
    write,
    read: (file) => readFileSync(join(home, file), 'utf8'),
    spawn(argv, user = 'alice') {
      const child = spawn('unshare', as(user, argv), { env, cwd: '/tmp', stdio: 'ignore' });
      children.add(child);
      return child;
    },
    stop() {
      for (const child of children) child.kill('SIGKILL');
      endProcessesOf(directory);
      // What her shells leave behind.
      for (const left of [directory, `/tmp/elvish-${ALICE}`, '/tmp/fish.alice'])
        rmSync(left, { recursive: true, force: true });
    },
  };
}

interface Server {
  readonly directory: string;
  readonly name: string;
  readonly home: string;
  readonly sockets: string;
  readonly shell: string;
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly sshdConfig: readonly string[];
  readonly lab: Lab;
}

function writeServer({ directory, home, sockets, shell, address, port, path, sshdConfig, lab }: Server) {
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const hostKey = join(directory, 'host_key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
  const users = `alice:x:${ALICE}:${ALICE}::${home}:${shell}\nmallory:x:${MALLORY}:${MALLORY}::/tmp:/bin/sh\n`;
  return {
    passwd: file('passwd', `${readFileSync('/etc/passwd', 'utf8')}${users}`),
    shadow: file('shadow', `${readFileSync('/etc/shadow', 'utf8')}alice:*:19000:0:99999:7:::\n`),
    sshd: file(
      'sshd_config',
      [
        ...sshdConfig,
        `Port ${port}`,
        `ListenAddress ${address}`,
        `HostKey ${hostKey}`,
        'PidFile none',
        `AuthorizedKeysFile ${file('authorized_keys', readFileSync(`${lab.identity}.pub`, 'utf8'))}`,
        'StrictModes no',
        'UsePAM no',
        'PrintMotd no',
        'PrintLastLog no',
        `SetEnv TMUX_TMPDIR=${sockets} PATH=${path} LANG=C.UTF-8`,
      ].join('\n'),
    ),
  };
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      if (said.includes('Server listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd does not start: ${said}`)));
  });
}

/** Kills every process that has the folder in its environment: tmux, its sessions, jobs. */
function endProcessesOf(directory: string): void {
  const script = `for p in /proc/[0-9]*; do grep -qaF "TMUX_TMPDIR=$1/" "$p/environ" 2>/dev/null && kill -9 "\${p#/proc/}"; done; :`;
  execFileSync('sh', ['-c', script, 'sh', directory], { stdio: 'ignore' });
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
