import { spawn } from 'node:child_process';
import type { StepWorld } from './azlin-process.ts';

/** Puts the key into the agent that this step runs under, and nowhere else. */
export async function addKey(sshKey: string, environment: StepWorld['environment']): Promise<void> {
  if (sshKey === '') return;
  await new Promise<void>((resolve, reject) => {
    const child = spawn('ssh-add', ['-q', '-'], {
      // Nobody is there to enter a passphrase.
      env: { ...environment, SSH_ASKPASS_REQUIRE: 'never' },
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`the input "ssh-key" must hold a private key without a passphrase: ${said.trim()}`)),
    );
    child.stdin.on('error', () => {});
    // A secret that was pasted on Windows has line breaks that ssh-add does not accept.
    child.stdin.end(`${sshKey.replaceAll('\r\n', '\n')}\n`);
  });
}
