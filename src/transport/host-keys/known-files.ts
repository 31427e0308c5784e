import type { Caller } from '../../domain/caller.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { HostOfKeys } from './host-keys.ts';
import { addKnownHosts, type KnownHost, type NewHost, readKnownHosts } from './known-hosts-file.ts';

/** What azlin's own file says. Rejects with `host-key-unknown` if it cannot be read. */
export async function ownHosts({ path }: { readonly path: string }): Promise<readonly KnownHost[]> {
  try {
    return await readKnownHosts(path, 'own');
  } catch (error) {
    // Without the file, any key would be accepted.
    const hint = error instanceof AppError ? error.hint : undefined;
    throw new AppError('host-key-unknown', `Cannot read the known host keys in ${path}: ${messageOf(error)}`, {
      cause: error,
      hint,
    });
  }
}

/** As with ssh, a file that cannot be read is ignored. */
export async function usersHosts({ ssh }: HostOfKeys, { trace }: Caller): Promise<readonly KnownHost[]> {
  const files = ssh.knownHostsFiles.map(async (path) => {
    try {
      return await readKnownHosts(path);
    } catch (error) {
      trace(`the host keys in ${path} cannot be read: ${messageOf(error)}`);
      return [];
    }
  });
  return (await Promise.all(files)).flat();
}

export async function keep(path: string, added: readonly NewHost[]): Promise<void> {
  try {
    await addKnownHosts(path, added);
  } catch (error) {
    throw new AppError('config', `Cannot keep the host key in ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'AZLIN_HOME must be a directory that you can write to',
    });
  }
}
