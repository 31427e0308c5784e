import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Whether dropbear can run here. It looks for keys only in the user's home, so another home is mounted there, which needs root. */
export function canRunDropbear(): boolean {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'command -v dropbear && mount --bind /tmp /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A small SSH server that is not OpenSSH. `directory` becomes the home of its logins. */
export async function startDropbear(directory: string, authorizedKeys: string) {
  mkdirSync(join(directory, '.ssh'), { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const hostKey = join(directory, 'host_key');
  execFileSync('dropbearkey', ['-t', 'ed25519', '-f', hostKey], { stdio: 'ignore' });
  writeFileSync(join(directory, '.ssh', 'authorized_keys'), authorizedKeys, { mode: 0o600 });
  const address = '127.21.1.1';
  const port = await freePort(address);
  const options = `-F -E -e -s -r host_key -p ${address}:${port} -P pid`;
  const script = `cd "$1" && mount --bind "$1" "$2" && cd "$2" && exec dropbear ${options}`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', directory, homedir()], {
    env: { PATH: process.env['PATH'], TMUX_TMPDIR: homedir(), LANG: 'C.UTF-8' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk;
      if (said.includes('Not backgrounding')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`dropbear ended with ${code}: ${said}`)));
  });
  const stop = () => {
    execFileSync('sh', ['-c', `TMUX_TMPDIR=${directory} tmux kill-server || true`], { stdio: 'ignore' });
    child.kill('SIGKILL');
  };
  return { entry: { address, port, user: userInfo().username }, stop };
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
