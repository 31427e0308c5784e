import { ComputeManagementClient } from '@azure/arm-compute';
import type { Caller } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { segmentAfter } from './addresses.ts';
import { type AzureSettings, askAzure, type Credentials, credentialsOf } from './ask-azure.ts';
import { azureError } from './azure-errors.ts';
import { isRecord } from './json.ts';
import { azureClientOptions } from './web/azure-client.ts';

/** What Azure knows of a VM without connecting to it over the network. */
export interface HostKeySource {
  /** The public host keys of the SSH server of a VM, each as its type and its base64. `id`: its resource id. Rejects with an AppError. */
  keysOf(id: string, hostname: string, caller: Caller): Promise<readonly string[]>;
}

/** Milliseconds for a script on a VM. Azure takes 20 to 60 seconds for one; where the VM's agent is gone, it waits for an hour and a half. */
const PATIENCE = 180_000;
const POLL_INTERVAL = 1_000;

/** Host keys by Run Command: Azure's agent on the VM runs `script` as root, which prints them. */
export function azureHostKeys(settings: AzureSettings, script: string): HostKeySource {
  const { clock, endpoint, subscriptions } = settings;
  let credentials: Credentials | undefined;
  return {
    async keysOf(id, hostname, caller) {
      const subscription = segmentAfter(id, 'subscriptions');
      credentials ??= credentialsOf(settings, caller.trace);
      const own = subscriptions === 'all' ? [] : subscriptions;
      const tenant = own.find((one) => one.id.toLowerCase() === subscription.toLowerCase())?.tenant;
      const { access, names } = askAzure({ ...settings, deadline: PATIENCE }, caller, credentials).in(tenant);
      names.set(id.toLowerCase(), hostname);
      const client = new ComputeManagementClient(access.credential, subscription, {
        ...azureClientOptions(access),
        endpoint,
      });
      const order = { commandId: 'RunShellScript', script: script.split('\n') };
      const limit = { clock, ms: PATIENCE, signal: caller.signal, expired: () => noAnswer(hostname) };
      caller.progress(`Asking Azure for the host keys of ${hostname}, which takes up to a minute`);
      try {
        const result = await withDeadline(limit, async (abortSignal) =>
          client.virtualMachines.runCommand(
            segmentAfter(id, 'resourceGroups'),
            segmentAfter(id, 'virtualMachines'),
            order,
            {
              abortSignal,
              updateIntervalInMs: POLL_INTERVAL,
            },
          ),
        );
        return keysIn(result, hostname);
      } catch (error) {
        caller.signal.throwIfAborted();
        throw azureError(error, `ask for the host keys of the VM "${hostname}"`, endpoint);
      } finally {
        caller.progress(undefined);
      }
    },
  };
}

function noAnswer(hostname: string): AppError {
  return new AppError(
    'timed-out',
    `Azure did not get the host keys of the VM "${hostname}" in ${formatDuration(PATIENCE)}`,
    { hint: 'its agent may not be running (walinuxagent); the boot diagnostics in the portal show the host keys, too' },
  );
}

const KEY = /^azlin-host-key ((?:ssh|ecdsa)-[\w@.-]+ [A-Za-z0-9+/]+=*)$/gm;

function keysIn(result: unknown, hostname: string): readonly string[] {
  const statuses = isRecord(result) && Array.isArray(result['value']) ? (result['value'] as readonly unknown[]) : [];
  const said = statuses.map((status) => (isRecord(status) ? String(status['message'] ?? '') : '')).join('\n');
  const keys = [...said.matchAll(KEY)].map(([, key = '']) => key);
  if (keys.length > 0) return keys;
  throw new AppError('azure-failed', `Azure found no host keys of the VM "${hostname}"`, {
    hint: 'is there an SSH server on it? azlin host-key show lists the keys that are known',
  });
}
