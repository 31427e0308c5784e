import { isSessionId } from '../domain/session.ts';

/** Escapes a name for `new-session`, which expands formats in it, and runs shell commands in those. Empty for an id, which only tmux can assign. */
export function nameToCreate(name: string): string {
  return isSessionId(name) ? '' : plainWord(name.replaceAll('#', '##'));
}

/** The values for making a session that is missing, as `owner`, the label of whoever wants it; without an owner none is made. */
export function creationValues(session: string, owner: string | undefined): { new_name: string; owner: string } {
  return { new_name: owner === undefined ? '' : nameToCreate(session), owner: plainWord(owner ?? '') };
}

/** Escapes a `;` at the end of a word, which would end the tmux command. */
export function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}
