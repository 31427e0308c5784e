import { isSessionId } from '../domain/session.ts';

/** `new-session` expands formats in a name, and with them shell commands. Nothing for an id, which only tmux gives. */
export function nameToCreate(name: string): string {
  return isSessionId(name) ? '' : plainWord(name.replaceAll('#', '##'));
}

/** A word that ends in `;` would end the tmux command. */
export function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}
