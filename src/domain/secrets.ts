/*
 * What azlin knows and nobody is to read: tokens, passphrases, values of variables. Whoever repeats one, a server in an error or a shell in a complaint,
 * it does not come out again.
 */

const secrets = new Set<string>();

/** Characters below which a value is too likely to be a part of something else. */
const SHORTEST = 6;

/** From now on no message has this text. */
export function keepSecret(text: string): void {
  for (const line of text.split('\n')) if (line.trim().length >= SHORTEST) secrets.add(line.trim());
}

/** The text without secrets: those that are known, and what looks like a token that somebody else knows. */
export function withoutSecrets(text: string): string {
  let clean = text
    .replace(/\b(bearer\s+)[\w.~+/-]{6,}=*/gi, '$1***')
    .replace(/\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)*/g, '***');
  for (const secret of secrets) clean = clean.replaceAll(secret, '***');
  return clean;
}
