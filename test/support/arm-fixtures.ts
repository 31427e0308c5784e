import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../fixtures/arm/', import.meta.url);

/** A recorded exchange with Resource Manager. */
export interface Recorded {
  readonly name: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export function recorded(name: string): Recorded {
  const { response } = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
  return { name, ...response };
}

export const RECORDED: readonly Recorded[] = readdirSync(FOLDER).map((file) => recorded(file.replace(/\.json$/, '')));

/** Everything of one type that the recordings hold, on its own or in a list. */
export function recordedResources(type: RegExp): readonly { readonly name: string; readonly raw: unknown }[] {
  return RECORDED.flatMap(({ name, body }) => {
    const all = (body as { value?: unknown[] })?.value ?? [body];
    return all
      .filter((raw) => type.test((raw as { type?: string })?.type ?? ''))
      .map((raw, index) => ({ name: `${name}[${index}]`, raw }));
  });
}
