import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../domain/errors.ts';

/** Whether the key is in a list of revoked keys. As with ssh, no key is accepted if the list cannot be read. */
export async function isRevoked(key: Buffer, path: string): Promise<boolean> {
  try {
    const text = await readFile(path, 'latin1');
    if (text.startsWith('SSHKRL')) throw new Error('it is binary; azlin only reads lists of public keys, one per line');
    return text.split('\n').some((line) => Buffer.from(line.trim().split(/\s+/)[1] ?? '', 'base64').equals(key));
  } catch (error) {
    throw new AppError('host-key-unknown', `Cannot read the revoked host keys in ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'it is set by RevokedHostKeys in the SSH settings',
    });
  }
}
