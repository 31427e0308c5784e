import type { Client } from '@azure-rest/core-client';
import type { Clock } from '../../domain/clock.ts';
import { type AzureAccess, azureClient } from './azure-client.ts';
import { azureCredential, type CredentialSettings } from './credential.ts';
import type { AzureScope } from './scope.ts';

/** Where Azure is and how to sign in there. */
export interface AzureSettings extends Pick<AzureScope, 'subscriptions'> {
  readonly clock: Clock;
  readonly resourceGroup: string | undefined;
  /** The URL of Resource Manager. */
  readonly endpoint: string;
  /** What a token is asked for. */
  readonly scope: string;
  readonly credential: CredentialSettings;
  /** Milliseconds for everything Azure is asked. */
  readonly deadline: number;
  /** What is being waited for, for people. */
  readonly progress: (text: string) => void;
  readonly trace: (line: string) => void;
}

/** One piece of work with Azure: everything it asks, over one client and before one deadline. */
export interface Asking {
  readonly access: AzureAccess;
  readonly client: Client;
  /** Ctrl-C and the like. */
  readonly signal: AbortSignal;
  readonly trace: (line: string) => void;
}

/** `names`: of subscriptions by id in lower case; what is put there appears in messages. */
export function askAzure(
  settings: AzureSettings,
  signal: AbortSignal,
): { readonly asking: Asking; readonly names: Map<string, string> } {
  const names = new Map<string, string>();
  const { clock, endpoint, scope, trace } = settings;
  const access: AzureAccess = {
    credential: azureCredential(settings.credential),
    endpoint,
    scope,
    clock,
    until: clock.now() + settings.deadline,
    names,
    say: settings.progress,
  };
  return { asking: { access, client: azureClient(access), signal, trace }, names };
}
