/**
 * Encodes the id of a VM as a name for a known_hosts file, in which some characters have a meaning and only ASCII reads back as it was written. Different
 * ids stay different, except those that differ only in upper and lower case, which OpenSSH ignores.
 */
export function hostKeyName(id: string): string {
  return id.replace(/[^\w.:/()[\]-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
