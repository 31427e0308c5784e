/** What a context may be called: it stands in the settings file and on command lines. */
export function contextNameProblem(name: string): string | undefined {
  if (name in Object.prototype) return `"${name}" means something else to programs`;
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,63}$/u.test(name)
    ? undefined
    : 'letters, digits, "-", "_" and ".", at most 64 of them';
}
