import type { Agent } from 'node:http';
import type { Caller } from '../../domain/caller.ts';
import type { Bastion } from '../../domain/route.ts';
import type { BastionPlaces } from './bastion-places.ts';

export interface WebWay {
  readonly agent: Agent;
  /** The proxy, as messages name it; undefined if there is none. */
  readonly proxy: string | undefined;
}

/** What it takes to go through an Azure Bastion. */
export interface BastionGate {
  /** A Bastion by its id. Rejects with an AppError. */
  find(id: string, caller: Caller): Promise<Bastion>;
  /** A token of Resource Manager that it takes. Asked for once for each connection, and never printed. Rejects with an AppError. */
  token(bastion: Bastion, caller: Caller): Promise<string>;
  /** How requests leave this machine. Those of `streams` share no connections with the others. Rejects with `config`. */
  agentFor(target: URL, use: 'requests' | 'streams'): Promise<WebWay>;
  readonly places: BastionPlaces;
}
