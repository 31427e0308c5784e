import { AppError } from '../domain/errors.ts';
import type { AzlinOptions } from './types.ts';

/** These checks report mistakes to programs that do not use TypeScript. All of them throw `usage`. */
export function checkText(what: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(what, value, 'a string');
}

/** Milliseconds; undefined stays what it is. */
export function checkTime(what: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw wrong(what, value, 'a positive number of milliseconds');
}

export function checkSize(what: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 10_000) return value;
  throw wrong(what, value, 'a number of characters');
}

export function checkOptions<T extends object>(options: T | null | undefined): T | Record<string, never> {
  if (options === undefined || options === null) return {};
  if (typeof options === 'object') return options;
  throw wrong('options', options, 'an object');
}

export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrong('signal', signal, 'an AbortSignal');
}

export function checkPort({ port }: AzlinOptions): void {
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
    throw wrong('port', port, 'a number from 1 to 65535');
}

/** A string is a line for the shell. Words in a list are quoted so that they arrive as they are, even a single one. */
export function checkCommand(command: unknown): string | readonly string[] {
  if (typeof command === 'string' && command !== '') return command;
  const isWords = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
  if (isWords && !command.some((word: string) => word.includes('\0'))) return command as readonly string[];
  throw wrong('command', command, 'a string, or a list of strings without NUL characters');
}

export function checkVariables(env: unknown): readonly { readonly name: string; readonly value: string }[] {
  return Object.entries(checkOptions(env as object)).map(([name, value]) => {
    if (typeof value !== 'string' || value.includes('\0')) throw wrong(`env.${name}`, value, 'a string');
    return { name, value };
  });
}

function wrong(what: string, value: unknown, expected: string): AppError {
  return new AppError(
    'usage',
    `Invalid ${what}: expected ${expected}, not ${typeof value === 'string' ? `"${value}"` : String(value)}`,
  );
}
