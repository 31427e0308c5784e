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
  /** Whether the Bastions near VMs without a public address are looked up. */
  readonly looksForBastions: boolean;
  /** The URL of Resource Manager. */
  readonly endpoint: string;
  /** The scope that tokens are requested for. */
  readonly scope: string;
  /** The scope of SSH certificates for Linux VMs, and the URL where applications ask for them. */
  readonly linuxLogin: string;
  readonly authority: string;
  readonly credential: CredentialSettings;
  /** Milliseconds for one piece of work: all its requests together. */
  readonly deadline: number;
}

/** One piece of work with Azure. All its requests use one client and share one deadline. */
export interface AzureWork {
  readonly access: AzureAccess;
  readonly client: Client;
  /** Names of subscriptions and VMs for messages, by id in lower case. */
  readonly names: Map<string, string>;
  /** Aborts on Ctrl-C and the like. */
  readonly signal: AbortSignal;
  readonly trace: (line: string) => void;
  /** The same work, signed in to another tenant; undefined means the active one. */
  in(tenant: string | undefined): AzureWork;
}

/** Returns the sign-in for a tenant. Each is made only once. */
export type Credentials = (tenant: string | undefined) => PatientCredential;

/** `trace` is told once how azlin was signed in. */
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

/** Begins a piece of work. Its deadline starts now. */
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
