import type { AppError } from '../../domain/errors.ts';
import { withoutSecrets } from '../../domain/secrets.ts';
import { printable } from '../../domain/text.ts';
import type { Style } from './style.ts';

/** A hint that is a command of azlin, with the options that say which VMs are meant: typed as it stands, it must mean the same ones. */
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

/** The error as the lines of stderr. `hint`: what to say instead of the error's own. */
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

/** Messages have lines of their own; what a VM put into them must not move the cursor. */
export function printableLines(text: string): string {
  return withoutSecrets(text).split('\n').map(printable).join('\n');
}
