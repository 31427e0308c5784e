const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90`, `90s`, `1.5m`, `2h`, `500ms`, `7d`; a bare number is in seconds. `undefined` if it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1_000));
}

/** `1500` as `1.5 s`, for messages. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (ms < 7_200_000) return `${Number((ms / 60_000).toFixed(1))} min`;
  return `${Number((ms / 3_600_000).toFixed(1))} h`;
}

/** `1500` as `1 s`: how old something is, whole units only. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** The time from an ISO 8601 time to `now`, in milliseconds, as an age: `4 min`, or `in 4 min`. */
export function formatTime(iso: string, now: number): string {
  const ms = now - Date.parse(iso);
  return ms < 0 ? `in ${formatAge(-ms)}` : formatAge(ms);
}

/** Seconds since 1970 as ISO 8601 without a fraction; null if it is not a valid time. */
export function isoTime(seconds: number): string | null {
  if (!(seconds > 0 && seconds < 8e12)) return null;
  return new Date(Math.floor(seconds) * 1_000).toISOString().replace('.000Z', 'Z');
}
