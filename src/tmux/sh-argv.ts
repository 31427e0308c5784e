import { randomBytes } from 'node:crypto';

/** Runs a script of ours. Before its arguments it gets a mark that nobody on the VM can know: rows of ours start with it. */
export function shArgv(script: string, args: readonly string[]): readonly string[] {
  const mark = randomBytes(12).toString('hex');
  return ['sh', '-c', `azlin_mark=$1; shift\n${script}`, 'azlin', mark, ...args];
}

/** `new-session` expands formats in a name, and with them shell commands. */
export function nameToCreate(name: string): string {
  return plainWord(name.replaceAll('#', '##'));
}

/** A word that ends in `;` would end the tmux command. */
export function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}

/** A script without what is for people: some servers (dropbear) take no line of more than 9,000 bytes, and the user's command needs room, too. */
export function compact(script: string): string {
  return script
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('# '))
    .join('\n');
}
