import type { McpServer } from '@modelcontextprotocol/server';
import type { Clock } from '../../domain/clock.ts';
import type { SeenChange } from './change.ts';

/** What is served to clients, over whatever they come. */
export interface McpService {
  /** A server for one client. `changesFor`: who is told of changes of resources; `none` where somebody else does that. Clients of 2025 subscribe. */
  serverFor(changesFor: 'subscribers' | 'all' | 'none'): McpServer;
  /** Calls `hear` with each change until the returned function is called. */
  onChange(hear: (change: SeenChange) => void): () => void;
  /** Calls `hear` with each call that begins. */
  onCall(hear: (call: Promise<unknown>) => void): void;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}
