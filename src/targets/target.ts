import type { Vm } from '../domain/vm.ts';
import type { Endpoint } from '../transport/endpoint.ts';

/** A VM and a session on it. */
export interface Target {
  /** What the user would type to name the VM: its name, `rg/name` where the name is not unique, or an address. */
  readonly hostname: string;
  /** Reading it throws an AppError for a VM that cannot be addressed. */
  readonly endpoint: Endpoint;
  /** Null for a bare address. */
  readonly vm: Vm | null;
  /** The user before the `@`. */
  readonly user: string | undefined;
  /** Empty for a target without a session. */
  readonly session: string;
  /** `named` by the user, `found` on the VM by its name, the `default` session of a host, or `alone`: the VM without a session. */
  readonly origin: 'named' | 'found' | 'default' | 'alone';
  /** Whether it rests on data that may be out of date. */
  readonly cached: boolean;
  /** When its VM was looked up, in milliseconds since 1970. */
  readonly fetchedAt: number;
}

/** A target whose endpoint is determined only when it is read: a stopped VM may have none, and needs none to be started. */
export function targetOf(fields: Omit<Target, 'endpoint'>, endpoint: () => Endpoint): Target {
  return {
    ...fields,
    get endpoint() {
      return endpoint();
    },
  };
}

/** What to reach: an identifier as somebody typed it, or a target that is known already. */
export type TargetRef = string | Target;

/** An identifier for it. */
export function describeRef(ref: TargetRef): string {
  return typeof ref === 'string' ? ref : identifierOf(ref);
}

/** The same VM and session, to be reached again later: what is known about the VM may be outdated by then. */
export function exactTarget(target: Target): Target {
  // Not `endpoint`: reading it throws where there is none.
  const { hostname, vm, user, session, fetchedAt } = target;
  const origin = target.origin === 'alone' ? 'alone' : 'named';
  const fields = { hostname, vm, user, session, fetchedAt, origin, cached: vm !== null } as const;
  return targetOf(fields, () => target.endpoint);
}

/** The VM of the target, without a session. */
export function aloneTarget(target: Target): Target {
  const { hostname, vm, user, cached, fetchedAt } = target;
  return targetOf({ hostname, vm, user, cached, fetchedAt, session: '', origin: 'alone' }, () => target.endpoint);
}

/** `myvm:dev`; `myvm` without a session. */
export function describeTarget({ hostname, session }: Target): string {
  return session === '' ? hostname : `${hostname}:${session}`;
}

/** An identifier that names the same VM and session from now on. */
export function identifierOf(target: Target): string {
  return `${target.user === undefined ? '' : `${target.user}@`}${describeTarget(target)}`;
}
