import { AppError } from '../../domain/errors.ts';

/** What a value in the SSH settings may refer to. */
export interface Expansion {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By their letter: `h` is the address, `n` the name as it was given, `r` the user on the VM, … */
  readonly tokens: Readonly<Record<string, string>>;
}

/** Expands `%h` and the like. Throws `config` for a token that cannot be used here. */
export function expandTokens(text: string, { tokens }: Expansion): string {
  return text.replace(/%(.?)/g, (written, letter: string) => {
    const value = letter === '%' ? '%' : tokens[letter];
    if (value === undefined)
      throw new AppError('config', `"${text}" in the SSH settings: ${written} cannot be used here`);
    return value;
  });
}

/** Expands `~`, `${VARIABLE}`, `%d` and the like in a path. Throws `config` for a variable that is not set, as ssh does. */
export function expandPath(text: string, expansion: Expansion): string {
  const { home, environment } = expansion;
  const resolved = text.replace(/\$\{(\w+)\}/g, (written, name: string) => {
    const value = environment[name];
    if (value === undefined)
      throw new AppError('config', `"${text}" in the SSH settings: the variable ${written} is not set`);
    // A percent sign in the value is not the start of a token.
    return value.replaceAll('%', '%%');
  });
  return expandTokens(resolved, expansion).replace(/^~(?=\/|$)/, home);
}
