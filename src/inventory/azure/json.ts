/*
 * Reads what Azure sends without trusting it. A field of the wrong type counts as missing, and its name is remembered.
 */

export type Json = Readonly<Record<string, unknown>>;

/** What was read, and what could not be. */
export interface Reading<T> {
  /** Undefined when not even its id or name could be read. */
  readonly found: T | undefined;
  /** Undefined when everything made sense. */
  readonly problem?: string | undefined;
}

export interface JsonReader {
  /** Names of the fields that were there but could not be used. */
  readonly malformed: readonly string[];
  record(value: unknown, name: string): Json;
  text(value: unknown, name: string): string | undefined;
  list(value: unknown, name: string): readonly unknown[];
  /** Remembers a field whose value makes no sense, and returns null in its place. */
  refuse(name: string): null;
  /** Only those values that are strings. */
  texts(value: unknown, name: string): Readonly<Record<string, string>>;
}

export function jsonReader(): JsonReader {
  const malformed: string[] = [];
  const refuse = (name: string) => {
    if (!malformed.includes(name)) malformed.push(name);
    return null;
  };
  const read = <T>(value: unknown, is: (value: unknown) => value is T, name: string): T | undefined => {
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    refuse(name);
    return undefined;
  };
  return {
    malformed,
    refuse,
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
