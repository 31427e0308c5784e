import { AppError, type ErrorCode } from '../../domain/errors.ts';
import { count, printable } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Fleet } from '../inventory.ts';
import type { Listed } from './lists.ts';

/** What one subscription, or one query, gave. */
export interface FleetPart {
  readonly vms: readonly Vm[];
  /** What Azure sent and azlin could not read. */
  readonly problems: readonly string[];
  /** Why nothing of it is known. */
  readonly failure: AppError | undefined;
  readonly gaps: readonly Gap[];
}

/** Something that is missing from an answer. */
export interface Gap {
  readonly consequence: string;
  readonly cause: AppError;
}

export function gapOf({ failure }: Listed<unknown>, consequence: string): readonly Gap[] {
  return failure ? [{ consequence, cause: failure }] : [];
}

/** Refusals, which will not go away. Any other error may be over in a minute. */
const LASTING: readonly ErrorCode[] = ['azure-denied', 'usage'];

/**
 * Merges all parts into one fleet. A failed part is a warning if anything else is known, otherwise its error is thrown. A resource group is usually in one
 * subscription, so it is not reported that the others do not have it.
 */
export function fleetOf(parts: readonly FleetPart[], fetchedAt: number): Fleet {
  const isSilent = ({ failure }: FleetPart) =>
    failure?.code === 'usage' && parts.some((part) => part.failure?.code !== 'usage');
  const failures = parts.filter((part) => !isSilent(part)).flatMap(({ failure }) => failure ?? []);
  const [first] = failures;
  if (first && parts.every(({ failure }) => failure)) throw allFailed(failures, first);
  const gaps = parts.flatMap((part) => part.gaps);
  // A list that changes while it is read can name a VM on two pages.
  const byId = new Map(parts.flatMap((part) => part.vms.map((vm) => [vm.id.toLowerCase(), vm])));
  return {
    vms: [...byId.values()],
    warnings: [
      ...failures.map(failureText),
      ...new Set(gaps.map(({ consequence, cause }) => `${consequence}: ${cause.message}`)),
      ...firstOf([...new Set(parts.flatMap((part) => part.problems.map(printable)))]),
    ],
    provisional: [...failures, ...gaps.map(({ cause }) => cause)].some(({ code }) => !LASTING.includes(code)),
    fetchedAt,
  };
}

const MOST_WARNINGS = 10;

/** The first of the warnings: enough to see what is wrong. */
function firstOf(warnings: readonly string[]): readonly string[] {
  const more = warnings.length - MOST_WARNINGS;
  return more > 0 ? [...warnings.slice(0, MOST_WARNINGS), `and ${more} more like it`] : warnings;
}

function failureText({ message, hint, code }: AppError): string {
  return `${message}; its VMs are missing${code === 'not-signed-in' ? ` (${hint})` : ''}`;
}

function allFailed(failures: readonly AppError[], first: AppError): AppError {
  const messages = [...new Set(failures.map(({ message }) => message))];
  if (messages.length === 1) return first;
  return new AppError(
    first.code,
    `Cannot list the VMs of ${count(failures.length, 'subscription')}:${firstOf(messages)
      .map((one) => `\n  ${one}`)
      .join('')}`,
    { cause: first, hint: first.hint },
  );
}
