import { access, appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, messageOf } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { Shell } from './shells.ts';

export interface Installing {
  readonly shell: Shell;
  readonly script: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

export interface Installed {
  readonly path: string;
  /** The start-up file of the shell, if a line had to be added to it. */
  readonly changed: string | undefined;
}

/** Where bash-completion may be. If it is there, it loads scripts in the user's directory by itself. */
const BASH_COMPLETION = [
  '/usr/share/bash-completion/bash_completion',
  '/usr/local/share/bash-completion/bash_completion',
  '/opt/homebrew/share/bash-completion/bash_completion',
];

/** Puts the script where the shell finds it. It is safe to do so again. Rejects with `config`. */
export async function installCompletion(installing: Installing): Promise<Installed> {
  const { script } = installing;
  const path = placeFor(installing);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, script);
    const startUp = await startUpFile(installing);
    if (startUp === undefined) return { path, changed: undefined };
    const line = `${installing.shell === 'powershell' ? `. '${path.replaceAll("'", "''")}'` : `source ${shellWord(path)}`} # azlin completion`;
    const known = await readFile(startUp, 'utf8').catch(() => '');
    if (known.split('\n').includes(line)) return { path, changed: undefined };
    await mkdir(dirname(startUp), { recursive: true });
    await appendFile(startUp, `${known === '' || known.endsWith('\n') ? '' : '\n'}${line}\n`);
    return { path, changed: startUp };
  } catch (error) {
    throw new AppError('config', `Cannot install the completion: ${messageOf(error)}`, {
      cause: error,
      hint: `azlin completion ${installing.shell} prints it, to install it yourself`,
    });
  }
}

function placeFor({ shell, environment, home }: Installing): string {
  const data = environment['XDG_DATA_HOME'] || join(home, '.local', 'share');
  if (shell === 'fish')
    return join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'fish', 'completions', 'azlin.fish');
  if (shell === 'zsh') return join(data, 'azlin', 'azlin.zsh');
  if (shell === 'powershell') return join(data, 'azlin', 'azlin.ps1');
  return join(environment['BASH_COMPLETION_USER_DIR'] || join(data, 'bash-completion'), 'completions', 'azlin');
}

/** The start-up file that has to load the script; undefined if the shell loads it by itself. */
async function startUpFile({ shell, environment, home }: Installing): Promise<string | undefined> {
  if (shell === 'fish') return undefined;
  if (shell === 'zsh') return join(environment['ZDOTDIR'] || home, '.zshrc');
  if (shell === 'powershell')
    return join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'powershell', 'profile.ps1');
  // On macOS, terminals start login shells.
  const startUp = join(home, process.platform === 'darwin' ? '.bash_profile' : '.bashrc');
  // Debian installs bash-completion, and a user's .bashrc loads it, but root's does not.
  const isLoaded = /^[^#\n]*bash_completion/m.test(await readFile(startUp, 'utf8').catch(() => ''));
  const isThere = await Promise.all(
    BASH_COMPLETION.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return isLoaded && isThere.includes(true) ? undefined : startUp;
}
