import type { Client } from '@azure-rest/core-client';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { AzureScope } from './scope.ts';
import { azureCredential, type CredentialSettings, type PatientCredential } from './sign-in/credential.ts';
import { type AzureAccess, azureClient } from './web/azure-client.ts';
import type { WebAgents } from './web/web-agents.ts';

/** Where Azure is and how to sign in there. */
export interface AzureSettings extends Pick<AzureScope, 'subscriptions'> {
  readonly agents: WebAgents;
  readonly clock: Clock;
  readonly resourceGroup: string | undefined;
  /** The URL of Resource Manager. */
  readonly endpoint: string;
  /** What a token is asked for. */
  readonly scope: string;
  readonly credential: CredentialSettings;
  /** Milliseconds for everything Azure is asked. */
  readonly deadline: number;
}

/** One piece of work with Azure: everything it asks, over one client and before one deadline. */
export interface AzureWork {
  readonly access: AzureAccess;
  readonly client: Client;
  /** Names for messages: of subscriptions and of VMs, by id in lower case. */
  readonly names: Map<string, string>;
  /** Ctrl-C and the like. */
  readonly signal: AbortSignal;
  readonly trace: (line: string) => void;
  /** The same work with a sign-in for another tenant; undefined for the one that is active. */
  in(tenant: string | undefined): AzureWork;
}

/** Sign-ins by tenant, each made once. */
export type Credentials = (tenant: string | undefined) => PatientCredential;

/** `trace` hears how somebody was signed in, once. */
export function credentialsOf(
  { agents, credential, deadline, clock }: AzureSettings,
  trace: Caller['trace'],
): Credentials {
  const made = new Map<string | undefined, PatientCredential>();
  return (tenant) => {
    const known =
      made.get(tenant) ??
      azureCredential({ ...credential, tenant: tenant ?? credential.tenant, agents, deadline, clock, trace });
    made.set(tenant, known);
    return known;
  };
}

/** The deadline starts now. */
export function askAzure(
  settings: AzureSettings,
  caller: Caller,
  credentials: Credentials = credentialsOf(settings, caller.trace),
): AzureWork {
  const { agents, clock, endpoint, scope } = settings;
  const { signal, trace, aside } = caller;
  const names = new Map<string, string>();
  const until = clock.now() + settings.deadline;
  const made = new Map<string | undefined, AzureWork>();
  const askIn = (tenant: string | undefined): AzureWork => {
    const known = made.get(tenant);
    if (known) return known;
    const access: AzureAccess = {
      agents,
      credential: credentials(tenant),
      endpoint,
      scope,
      clock,
      until,
      names,
      aside,
    };
    const asking = { access, client: azureClient(access), names, signal, trace, in: askIn };
    made.set(tenant, asking);
    return asking;
  };
  return askIn(undefined);
}
