import { AppError } from '../../domain/errors.ts';

/** What a text of the SSH settings may refer to. */
export interface Expansion {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By their letter: `h` is the address, `n` the name as it was given, `r` the user on the VM, … */
  readonly tokens: Readonly<Record<string, string>>;
}

/** `%h` and the like. Throws `config` for one that means nothing here. */
export function expandTokens(text: string, { tokens }: Expansion): string {
  return text.replace(/%(.?)/g, (written, letter: string) => {
    const value = letter === '%' ? '%' : tokens[letter];
    if (value === undefined)
      throw new AppError('config', `"${text}" in the SSH settings: ${written} cannot be used here`);
    return value;
  });
}

/** A path: `~`, `${VARIABLE}`, `%d` and the like. Throws `config` for a variable that is not set, as ssh does. */
export function expandPath(text: string, expansion: Expansion): string {
  const { home, environment } = expansion;
  const resolved = text.replace(/\$\{(\w+)\}/g, (written, name: string) => {
    const value = environment[name];
    if (value === undefined)
      throw new AppError('config', `"${text}" in the SSH settings: the variable ${written} is not set`);
    // What it holds is a path, not a pattern.
    return value.replaceAll('%', '%%');
  });
  return expandTokens(resolved, expansion).replace(/^~(?=\/|$)/, home);
}
