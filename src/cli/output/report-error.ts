import type { AppError } from '../../domain/errors.ts';
import { withoutSecrets } from '../../domain/secrets.ts';
import { printable } from '../../domain/text.ts';
import type { Style } from './style.ts';

/** Adds the scope options to azlin commands in a hint: typed as they are, they must mean the same VMs. */
export function hintInScope(hint: string, { verbs, words }: HintScope): string {
  if (words.length === 0) return hint;
  return hint.replace(/\bazlin ([\w-]+)(?! --help)(?= |$)/g, (command, verb: string) =>
    verbs.includes(verb) ? `${command} ${words.join(' ')}` : command,
  );
}

export interface HintScope {
  /** The commands that take such options. */
  readonly verbs: readonly string[];
  /** The options as they were given, quoted for a shell. */
  readonly words: readonly string[];
}

export interface ErrorStyle {
  readonly style: Style;
  readonly verbose: boolean;
}

/** The error as lines for stderr. `hint` replaces the error's own. */
export function errorText(error: AppError, hint: string | undefined, { style, verbose }: ErrorStyle): string {
  const lines = [`${style.red('error:')} ${printableLines(error.message)}`];
  if (error.candidates) {
    lines.push(`${error.candidates.title}:`);
    for (const { identifier, ip } of error.candidates.items)
      lines.push(`  ${printable(identifier)}${ip === null ? '' : ` (${printable(ip)})`}`);
  }
  if (error.code === 'bug')
    lines.push('hint: this is a bug in azlin; run it again with --verbose and report the output');
  if (hint) lines.push(`${style.cyan('hint:')} ${printableLines(hint)}`);
  if (verbose && error.cause instanceof Error)
    lines.push(`cause: ${printableLines(error.cause.stack ?? error.cause.message)}`);
  return `${lines.join('\n')}\n`;
}

/** The error as one JSON object, for programs. */
export function errorJson({ code, message, candidates }: AppError, hint: string | undefined): string {
  const error = { code, message, hint: hint ?? null, candidates: candidates?.items ?? [] };
  return `${JSON.stringify({ error })}\n`;
}

/** A message may have several lines, but what a VM has put into it must not move the cursor. */
export function printableLines(text: string): string {
  return withoutSecrets(text).split('\n').map(printable).join('\n');
}
