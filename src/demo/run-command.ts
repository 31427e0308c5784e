import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a script as Azure's agent on a VM would, and gives what Azure makes of it. `directory`: that of the machine, whose SSH server is the one that is found. */
export async function runCommand(directory: string, script: string): Promise<string> {
  const bin = join(directory, 'agent-bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'sshd'), `#!/bin/sh\necho 'hostkey ${join(directory, 'host_key')}'\n`, { mode: 0o755 });
  const { stdout, stderr } = await run('/bin/sh', ['-c', script], { env: { PATH: `${bin}:/usr/bin:/bin` } });
  return `Enable succeeded: \n[stdout]\n${stdout}\n[stderr]\n${stderr}`;
}
