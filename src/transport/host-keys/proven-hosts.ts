import { type Caller, withSignal } from '../../domain/caller.ts';
import { type SharedWork, sharedWork } from '../../domain/deadline.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Step, Transport } from '../transport.ts';
import type { KnownHosts } from './known-hosts.ts';

export interface ProvenHosts {
  /** Makes sure that the keys of a new VM are known before it is reached, where `ssh.host_keys` says so. Rejects with an AppError. */
  prove(endpoint: Endpoint, caller: Caller, onStep?: (step: Step) => void): Promise<void>;
  /** The keys that Azure reports for the VM. Rejects with an AppError. */
  keysOf(endpoint: Endpoint, caller: Caller): Promise<readonly Buffer[]>;
}

export interface ProvingSettings {
  readonly hostKeys: KnownHosts;
  /** Asks Azure for the keys of a VM by its resource id: the type and the base64 of each. */
  readonly ask: (id: string, label: string, caller: Caller) => Promise<readonly string[]>;
}

/** The first contact with VMs, proven by Azure instead of believed. */
export function provenHosts({ hostKeys, ask }: ProvingSettings): ProvenHosts {
  const asking = new Map<string, SharedWork<void>>();
  const keysOf = async ({ azureId, label }: Endpoint, caller: Caller) => {
    if (azureId === undefined)
      throw new AppError('usage', `Azure does not know "${label}": it is not a VM of the inventory`);
    const lines = await ask(azureId, label, caller);
    return lines.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64'));
  };
  const pinAll = async (endpoint: Endpoint, caller: Caller) =>
    hostKeys.pin(endpoint, await keysOf(endpoint, caller), caller);
  return {
    keysOf,
    async prove(endpoint, caller, onStep) {
      const policy = endpoint.ssh.hostKeys;
      if ((policy !== 'azure' && policy !== 'azure-or-accept-new') || endpoint.azureId === undefined) return;
      if ((await hostKeys.typesOf(endpoint, caller)).length > 0) return;
      onStep?.({ kind: 'proving', detail: endpoint.label });
      const id = endpoint.hostKeyAlias;
      const known = asking.get(id);
      const work =
        known && !known.isGivenUp() ? known : sharedWork((signal) => pinAll(endpoint, withSignal(caller, signal)));
      asking.set(id, work);
      try {
        await work.join(caller.signal);
      } catch (error) {
        caller.signal.throwIfAborted();
        asking.delete(id);
        if (policy === 'azure') throw error;
        caller.warn(`${messageOf(error)}; the key that "${endpoint.label}" shows is trusted instead`);
      }
    },
  };
}

/** The transport, which connects to a new VM only after its keys are known. */
export function provenTransport(transport: Transport, { prove }: ProvenHosts): Transport {
  return {
    ...transport,
    async dial(endpoint, caller, onStep) {
      await prove(endpoint, caller, onStep);
      return transport.dial(endpoint, caller, onStep);
    },
    async connect(endpoint, caller, onStep) {
      await prove(endpoint, caller, onStep);
      return transport.connect(endpoint, caller, onStep);
    },
  };
}
