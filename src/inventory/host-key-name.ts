/**
 * The id of a VM as a word of a known_hosts file, where some characters mean something and only ASCII reads back as it was written. Different ids stay
 * different, but for upper and lower case, which OpenSSH does not tell apart.
 */
export function hostKeyName(id: string): string {
  return id.replace(/[^\w.:/()[\]-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
