/*
 * Reading what Azure sends, without trust: a field of another type than promised is as good as missing, and is remembered.
 */

export type Json = Readonly<Record<string, unknown>>;

export interface JsonReader {
  /** Names of the fields that were there, but of another type. */
  readonly malformed: readonly string[];
  record(value: unknown, name: string): Json;
  text(value: unknown, name: string): string | undefined;
  list(value: unknown, name: string): readonly unknown[];
  /** Only the texts among the values. */
  texts(value: unknown, name: string): Readonly<Record<string, string>>;
}

export function jsonReader(): JsonReader {
  const malformed: string[] = [];
  const read = <T>(value: unknown, is: (value: unknown) => value is T, name: string): T | undefined => {
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    if (!malformed.includes(name)) malformed.push(name);
    return undefined;
  };
  return {
    malformed,
    record: (value, name) => read(value, isRecord, name) ?? {},
    text: (value, name) => read(value, isText, name),
    list: (value, name) => read(value, isList, name) ?? [],
    texts: (value, name) => {
      const texts: Record<string, string> = {};
      for (const [key, one] of Object.entries(read(value, isRecord, name) ?? {})) {
        const text = read(one, isText, name);
        if (text !== undefined) texts[key] = text;
      }
      return texts;
    },
  };
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
