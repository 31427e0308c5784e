import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../domain/errors.ts';

/** Whether the key stands in a list of revoked ones. As with ssh, a list that cannot be read lets nobody pass. */
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
