import { isSessionId } from '../domain/session.ts';

/** Escapes a name for `new-session`, which expands formats in it, and runs shell commands in those. Empty for an id, which only tmux can assign. */
export function nameToCreate(name: string): string {
  return isSessionId(name) ? '' : plainWord(name.replaceAll('#', '##'));
}

/** Escapes a `;` at the end of a word, which would end the tmux command. */
export function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}
