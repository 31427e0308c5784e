import type { Clock } from '../domain/clock.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { Registry } from '../registry/types.ts';
import type { Clients } from './clients.ts';
import type { GuardRules } from './guard.ts';
import type { SeenChange } from './serve/change.ts';
import type { AgentSessions } from './sessions.ts';

/** What the server for agents works with. Durations are milliseconds. */
export interface McpContext {
  readonly access: FleetAccess;
  /** Opened when the first session needs it. Rejects with an AppError. */
  registry(): Promise<Registry>;
  /** By the wall. */
  readonly clock: Clock;
  readonly sessions: AgentSessions;
  /** What each client does at once. */
  readonly clients: Clients;
  readonly vms: {
    /** Calls `hear` with each change of a session until the returned function is called. */
    onChange(hear: (change: SeenChange) => void): () => void;
    /** Drops the connections that are kept, by the names that host keys are kept under. */
    drop(hosts: readonly string[]): Promise<void>;
  };
  /** Where the work of sessions is kept in folders, and whether it is unless a call says something else. */
  readonly workdir: { readonly root: string; readonly isUsual: boolean };
  readonly rules: GuardRules;
  /** Writes down a call. Rejects with an AppError. */
  audit(record: object): Promise<void>;
  readonly limits: McpLimits;
  /** What concerns nobody's call. */
  readonly log: (line: string) => void;
}

export interface McpLimits {
  /** For each VM of a list, and for all of them. */
  readonly list: number;
  readonly listWhole: number;
  /** For a command in the shell of a session, unless the call says something else. */
  readonly run: number;
  /** How long a person must not type in a session before an agent may. */
  readonly lease: number;
}
