/** Seconds since 1970 as ISO 8601 without a fraction; null for what is no time. */
export function isoTime(seconds: number): string | null {
  if (!(seconds > 0 && seconds < 8e12)) return null;
  return new Date(Math.floor(seconds) * 1_000).toISOString().replace('.000Z', 'Z');
}
