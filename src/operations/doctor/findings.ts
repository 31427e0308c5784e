import { AppError, type ErrorCode, toAppError } from '../../domain/errors.ts';
import type { IdentityList } from '../../transport/transport.ts';

/** What one check found. Fields are only ever added: this is what `--format json` prints. */
export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly found: string;
  /** What to do about it; null where nothing needs to be done. */
  readonly advice: string | null;
  /** The error code of a check that failed, else null. */
  readonly code: ErrorCode | null;
}

/** A check that is under way adds its findings here. */
export interface Findings {
  add(check: Check): void;
  ok(check: string, found: string): void;
  warn(check: string, found: string, advice: string): void;
  fail(check: string, error: unknown): void;
  skip(check: string, why: string): void;
  /** The error code of the first check that failed. */
  failedWith(): ErrorCode | undefined;
}

/** A check that ended with this error. */
export function failedCheck(check: string, thrown: unknown): Check {
  const { code, message, hint = null, candidates } = toAppError(thrown);
  const near = candidates?.items.map(({ identifier }) => identifier).join(', ');
  return {
    check,
    status: 'failed',
    found: near ? `${message} (${candidates?.title}: ${near})` : message,
    advice: hint,
    code,
  };
}

/** Findings that are appended to a list. */
export function findingsInto(checks: Check[]): Findings {
  const add = (check: Check) => {
    checks.push(check);
  };
  const rest = { advice: null, code: null };
  return {
    add,
    ok: (check, found) => add({ check, status: 'ok', found, ...rest }),
    warn: (check, found, advice) => add({ check, status: 'warning', found, advice, code: null }),
    skip: (check, why) => add({ check, status: 'skipped', found: why, ...rest }),
    fail: (check, thrown) => add(failedCheck(check, thrown)),
    failedWith: () => checks.find(({ status }) => status === 'failed')?.code ?? undefined,
  };
}

/** Reports which keys would be offered. */
export function reportKeys({ names, notes }: IdentityList, findings: Findings) {
  const unusable = notes.length === 0 ? '' : `; not usable: ${notes.join('; ')}`;
  const none = new AppError('ssh-denied', `no key to sign in with${unusable}`, {
    hint: 'ssh-keygen -t ed25519 makes one; ssh-add, --identity or ssh.identity lets azlin find it',
  });
  if (names.length === 0) findings.fail('keys', none);
  else
    findings.ok(
      'keys',
      `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}${unusable}`,
    );
}
