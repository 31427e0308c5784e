import { spawn } from 'node:child_process';
import { AppError } from '../domain/errors.ts';

/** Runs `$VISUAL`, `$EDITOR` or vi on the file and waits for it to end. The variable may hold options, as elsewhere, so a shell reads it. */
export async function openEditor(path: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  const code = await new Promise<number | string | null>((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit', env: environment });
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal));
  });
  if (code !== 0)
    throw new AppError('config', `The editor "${editor}" exited with code ${code}; nothing was saved`, {
      hint: 'set VISUAL or EDITOR to use another editor',
    });
}
