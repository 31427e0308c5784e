import confirmation from '@inquirer/confirm';
import password from '@inquirer/password';
import search from '@inquirer/search';
import { AppError } from '../domain/errors.ts';

/** A passphrase, not shown while it is typed. */
export function askPassphrase(question: string, output: NodeJS.WriteStream): Promise<string> {
  return interruptible(password({ message: question }, { output }));
}

/** Yes or no; no is what Enter means. */
export function confirm(question: string, output: NodeJS.WriteStream, signal?: AbortSignal): Promise<boolean> {
  return interruptible(confirmation({ message: question, default: false }, { output, ...(signal ? { signal } : {}) }));
}

export interface Picking {
  readonly message: string;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  /** Where the prompt is drawn; stdout is for data. */
  readonly output: NodeJS.WriteStream;
}

/** One of the choices, found by typing a part of it. */
export function pickOne({ message, choices, output }: Picking, signal: AbortSignal): Promise<string> {
  const source = (typed: string | undefined) => {
    const words = (typed ?? '').toLowerCase().split(/\s+/);
    // What starts with the typed text comes before what only contains it.
    const starts = ({ value }: { readonly value: string }) => value.toLowerCase().startsWith(words.join(' '));
    return choices
      .filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)))
      .sort((a, b) => Number(starts(b)) - Number(starts(a)))
      .map(({ value, label }) => ({ value, name: label, short: value }));
  };
  return interruptible(search<string>({ message, source, pageSize: 12 }, { output, signal }));
}

/** Ctrl-C at a prompt is an interrupt like any other. */
async function interruptible<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new AppError('interrupted', 'Interrupted', { cause: error });
  }
}
