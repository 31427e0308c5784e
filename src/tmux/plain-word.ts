/** `new-session` expands formats in a name, and with them shell commands. */
export function nameToCreate(name: string): string {
  return plainWord(name.replaceAll('#', '##'));
}

/** A word that ends in `;` would end the tmux command. */
export function plainWord(text: string): string {
  return text.replace(/;$/, '\\;');
}
