import confirmation from '@inquirer/confirm';
import input from '@inquirer/input';
import password from '@inquirer/password';
import { AppError } from '../domain/errors.ts';
import { type Picked, type Picking, pickerPrompt } from './picker.ts';

/** Where prompts are drawn: not on stdout, which is for data. */
type Output = NodeJS.WriteStream;

/** A passphrase, not shown while it is typed. */
export function askPassphrase(question: string, output: Output): Promise<string> {
  return interruptible(password({ message: question }, { output }));
}

/** Yes or no; Enter means no. */
export function confirm(question: string, output: Output, signal?: AbortSignal): Promise<boolean> {
  return interruptible(confirmation({ message: question, default: false }, { output, ...(signal ? { signal } : {}) }));
}

export interface TextQuestion {
  readonly message: string;
  /** Why a text cannot be taken; undefined when it can. */
  readonly problem: (text: string) => string | undefined;
}

/** A text without a problem; asks again until it has none. */
export function askText({ message, problem }: TextQuestion, output: Output, signal: AbortSignal): Promise<string> {
  const validate = (text: string) => problem(text) ?? true;
  return interruptible(input({ message, validate }, { output, signal }));
}

/** One of several rows, of which more may still come. */
export function pickOne(picking: Picking, output: Output, signal: AbortSignal): Promise<Picked> {
  return interruptible(pickerPrompt(picking, { output, signal }));
}

/** Ctrl-C at a prompt is an interrupt like any other. */
async function interruptible<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new AppError('interrupted', 'Interrupted', { cause: error });
  }
}
