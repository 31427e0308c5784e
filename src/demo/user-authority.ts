import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EntraLogin } from './arm-resources.ts';

const run = promisify(execFile);

/** An authority for SSH certificates of users, in the place of Entra ID's. */
export interface UserAuthority {
  /** Its private key; the public one is beside it. */
  readonly path: string;
  /** Certifies a public key, given as in authorized_keys, for an hour. Resolves to the certificate without its type, in Base64. */
  certify(publicKey: string, principals: readonly string[], validity?: string): Promise<string>;
}

export async function startUserAuthority(sshKeygen: string, directory: string): Promise<UserAuthority> {
  const path = join(directory, 'user-authority');
  await run(sshKeygen, ['-q', '-t', 'rsa', '-b', '3072', '-N', '', '-C', 'azlin demo', '-f', path]);
  return {
    path,
    async certify(publicKey, principals, validity = '-5m:+1h') {
      const folder = await mkdtemp(join(directory, 'certify-'));
      try {
        const key = join(folder, 'key.pub');
        await writeFile(key, `${publicKey}\n`);
        const names = principals.join(',');
        await run(sshKeygen, ['-q', '-s', path, '-t', 'rsa-sha2-256', '-I', 'demo', '-n', names, '-V', validity, key]);
        const certificate = await readFile(join(folder, 'key-cert.pub'), 'utf8');
        return certificate.split(' ')[1] ?? '';
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

export interface EntraVm extends EntraLogin {
  /** Whether those who are signed in may log in. */
  readonly role: boolean;
}

/** A VM on which everything is as it should be. */
export const READY: EntraVm = { identity: true, extension: 'Succeeded', role: true };

/** What sshd has to know where users sign in with certificates; the extension writes it in Azure. */
export function loginLines(entra: EntraVm | undefined, { path }: Pick<UserAuthority, 'path'>): readonly string[] {
  if (entra?.extension !== 'Succeeded' || !entra.identity) return [];
  // On a real VM a program asks Azure which users have the role.
  return [`TrustedUserCAKeys ${path}.pub`, ...(entra.role ? [] : ['AuthorizedPrincipalsFile /dev/null'])];
}

/** An RSA key as in authorized_keys. `modulus` and `exponent`: in Base64url, as JSON Web Keys have them. */
export function rsaKeyLine(modulus: string, exponent: string): string {
  const number = (text: string) => {
    const bytes = Buffer.from(text, 'base64url');
    return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]);
  };
  const field = (content: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, content]);
  };
  const blob = Buffer.concat([field(Buffer.from('ssh-rsa')), field(number(exponent)), field(number(modulus))]);
  return `ssh-rsa ${blob.toString('base64')} key`;
}
