/*
 * What azlin knows but must not print: tokens, passphrases, values of variables. A server may repeat one in an error, or a shell in a complaint; azlin
 * removes it from its messages.
 */

const secrets = new Set<string>();

/** In characters. A shorter value is too likely to be part of other text. */
const SHORTEST = 6;

/** From now on, no message contains this text. */
export function keepSecret(text: string): void {
  for (const line of text.split('\n')) if (line.trim().length >= SHORTEST) secrets.add(line.trim());
}

/** The text without secrets: those that are known, and anything that looks like a token. */
export function withoutSecrets(text: string): string {
  let clean = text
    .replace(/\b(bearer\s+)[\w.~+/-]{6,}=*/gi, '$1***')
    .replace(/\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)*/g, '***');
  for (const secret of secrets) clean = clean.replaceAll(secret, '***');
  return clean;
}
