import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from './replace-file.ts';

/** The text of a file that azlin keeps: no link is followed, and nothing is read that may never end. Rejects with what the system says. */
export async function readKept(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'ELOOP' ? new Error('it is a symbolic link') : error;
    },
  );
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is not a regular file');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Puts a text there for the user alone, in the place of whatever is there. Rejects with what the system says. */
export async function writeKept(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await replaceFile(path, text);
}
