import type { GuardPlace } from './guard.ts';

interface AuditedCall {
  readonly tool: string;
  /** The names of the arguments that it takes. */
  readonly takes: readonly string[];
  readonly args: Readonly<Record<string, unknown>>;
  readonly client: string;
  readonly user: string;
  readonly place: GuardPlace | undefined;
  readonly outcome: object;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What may be secret is not written down, only how much it was. */
const SECRET = ['stdin', 'text', 'keys', 'reconnect_token'];

/** A line of the log of calls: who, when, what, on what, and what came of it. Commands are in it as they were given. */
export function auditRecord({ tool, takes, args, client, user, place, outcome, now }: AuditedCall): object {
  const target = place === undefined ? null : `${place.hostname}${place.session === '' ? '' : `:${place.session}`}`;
  return { time: new Date(now).toISOString(), user, client, tool, target, args: shownArgs(args, takes), ...outcome };
}

function shownArgs(args: AuditedCall['args'], takes: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      if (name === 'env' && typeof value === 'object' && value !== null) return [name, Object.keys(value)];
      // A name that was mistyped may stand for one with a secret.
      if (SECRET.includes(name) || name === 'env' || !takes.includes(name)) return [name, sizeOf(value)];
      return [name, value];
    }),
  );
}

function sizeOf(value: unknown): string | null {
  if (Array.isArray(value)) return `${value.length} given`;
  return typeof value === 'string' ? `${value.length} characters` : null;
}
