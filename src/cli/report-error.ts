import type { AppError } from '../domain/errors.ts';
import { printable } from '../domain/text.ts';
import type { Style } from './style.ts';

/** The error as the lines of stderr. */
export function errorText(error: AppError, style: Style, verbose: boolean): string {
  const lines = [`${style.red('error:')} ${printableLines(error.message)}`];
  if (error.candidates) {
    lines.push(`${error.candidates.title}:`);
    for (const { identifier, ip } of error.candidates.items)
      lines.push(`  ${printable(identifier)}${ip === null ? '' : ` (${printable(ip)})`}`);
  }
  if (error.code === 'bug')
    lines.push('hint: this is a bug of azlin; run it again with --verbose and report what it prints');
  if (error.hint) lines.push(`${style.cyan('hint:')} ${printableLines(error.hint)}`);
  if (verbose && error.cause instanceof Error)
    lines.push(`cause: ${printableLines(error.cause.stack ?? error.cause.message)}`);
  return `${lines.join('\n')}\n`;
}

/** The error as one JSON object, for programs. */
export function errorJson({ code, message, hint, candidates }: AppError): string {
  const error = { code, message, hint: hint ?? null, candidates: candidates?.items ?? [] };
  return `${JSON.stringify({ error })}\n`;
}

/** Messages have lines of their own; what a VM put into them must not move the cursor. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
