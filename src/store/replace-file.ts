import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

export interface Replacing {
  /** By default only for the user. */
  readonly mode?: number;
  readonly encoding?: 'utf8' | 'latin1';
}

/**
 * Replaces whatever is at `path` with a text. The file has either all of it or all of what it had before, even if azlin is killed midway. A link is
 * replaced, not followed. Rejects with the system's error.
 */
export async function replaceFile(
  path: string,
  text: string,
  { mode = 0o600, encoding = 'utf8' }: Replacing = {},
): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', mode);
    try {
      await file.writeFile(text, encoding);
      // The mode must not depend on the umask.
      await file.chmod(mode);
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
}
