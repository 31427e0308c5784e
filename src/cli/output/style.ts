/** Colours, or none. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  blue(text: string): string;
  magenta(text: string): string;
}

export type ColorChoice = 'auto' | 'always' | 'never';

export function styleFor(color: boolean): Style {
  const paint = (open: number, close: number) => (text: string) =>
    color ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
    blue: paint(34, 39),
    magenta: paint(35, 39),
  };
}

/** `--color` decides; without it, NO_COLOR; without that, whether it is a terminal with colours. */
export function wantsColor(
  choice: ColorChoice | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (choice === 'always' || choice === 'never') return choice === 'always';
  return isTerminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}
