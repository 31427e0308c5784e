import { ComputeManagementClient, type VirtualMachine } from '@azure/arm-compute';
import type { TokenCredential } from '@azure/identity';
import { type Client, type ClientOptions, getClient } from '@azure-rest/core-client';
import { AppError } from '../../domain/errors.ts';
import type { NetworkInterface, PublicIpAddress } from './addresses.ts';
import { refusalError } from './azure-errors.ts';

const NETWORK_API_VERSION = '2024-05-01';
const SCOPES: Readonly<Record<string, string>> = {
  'management.chinacloudapi.cn': 'https://management.chinacloudapi.cn/.default',
  'management.usgovcloudapi.net': 'https://management.usgovcloudapi.net/.default',
};
const PUBLIC_SCOPE = 'https://management.azure.com/.default';

/** What azlin reads of one subscription, or of one resource group in it. */
export interface ResourceManager {
  virtualMachines(signal: AbortSignal): Promise<readonly VirtualMachine[]>;
  /** The same VMs with their instance views, for a whole subscription only. */
  virtualMachineStates(signal: AbortSignal): Promise<readonly VirtualMachine[]>;
  instanceView(name: string, signal: AbortSignal): Promise<VirtualMachine['instanceView']>;
  networkInterfaces(signal: AbortSignal): Promise<readonly NetworkInterface[]>;
  publicIpAddresses(signal: AbortSignal): Promise<readonly PublicIpAddress[]>;
}

export interface ResourceManagerScope {
  readonly credential: TokenCredential;
  readonly endpoint: string;
  readonly subscription: string;
  readonly resourceGroup: string | undefined;
}

export function resourceManager({
  credential,
  endpoint,
  subscription,
  resourceGroup,
}: ResourceManagerScope): ResourceManager {
  const options = clientOptions(endpoint, subscription);
  const compute = new ComputeManagementClient(credential, subscription, { ...options, endpoint });
  // Two lists do not need the 73 MB of the network client: see docs/decisions/0001-network-lists.md.
  const network = getClient(endpoint, credential, options);
  const scope = `/subscriptions/${encodeURIComponent(subscription)}${resourceGroup ? `/resourceGroups/${encodeURIComponent(resourceGroup)}` : ''}`;
  const networkList = <T>(kind: string, signal: AbortSignal) =>
    pagesOf<T>(network, `${scope}/providers/Microsoft.Network/${kind}?api-version=${NETWORK_API_VERSION}`, signal);
  return {
    virtualMachines: (abortSignal) =>
      all(
        resourceGroup
          ? compute.virtualMachines.list(resourceGroup, { abortSignal })
          : compute.virtualMachines.listAll({ abortSignal }),
        abortSignal,
      ),
    virtualMachineStates: (abortSignal) =>
      all(compute.virtualMachines.listAll({ abortSignal, statusOnly: 'true' }), abortSignal),
    instanceView: (name, abortSignal) =>
      compute.virtualMachines.instanceView(resourceGroup ?? '', name, { abortSignal }),
    networkInterfaces: (signal) => networkList<NetworkInterface>('networkInterfaces', signal),
    publicIpAddresses: (signal) => networkList<PublicIpAddress>('publicIPAddresses', signal),
  };
}

function clientOptions(endpoint: string, subscription: string): ClientOptions {
  return {
    credentials: { scopes: [SCOPES[new URL(endpoint).hostname] ?? PUBLIC_SCOPE] },
    userAgentOptions: { userAgentPrefix: 'azlin' },
    retryOptions: { maxRetries: 2, retryDelayInMs: 300, maxRetryDelayInMs: 2_000 },
    additionalPolicies: [
      { position: 'perCall', policy: sameOrigin(endpoint) },
      { position: 'perCall', policy: refusals(subscription) },
    ],
  };
}

type Policy = NonNullable<ClientOptions['additionalPolicies']>[number]['policy'];

/** The address of the next page comes from the reply; the token that goes with the request must not follow it elsewhere. */
function sameOrigin(endpoint: string): Policy {
  return {
    name: 'azlinSameOrigin',
    async sendRequest(request, next) {
      const { origin } = new URL(request.url);
      if (origin === new URL(endpoint).origin) return next(request);
      throw new AppError('azure-failed', `A reply of ${endpoint} leads to another server, ${origin}: not followed`);
    },
  };
}

/** The SDK drops the body of a refused list, and with it Azure's reason: it is read here, after the retries. */
function refusals(subscription: string): Policy {
  return {
    name: 'azlinRefusals',
    async sendRequest(request, next) {
      const response = await next(request);
      if (response.status < 400) return response;
      const kind = /\/providers\/Microsoft\.\w+\/(\w+)/i.exec(request.url)?.[1] ?? 'resources';
      const what = `${kind
        .replace(/([a-z])([A-Z])/g, '$1 $2')
        .replace('public IPAddresses', 'public IP addresses')
        .toLowerCase()} of subscription ${subscription}`;
      throw refusalError({ status: response.status, body: response.bodyAsText ?? '', what });
    },
  };
}

async function all<T>(pages: AsyncIterable<T>, signal: AbortSignal): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const one of pages) {
    signal.throwIfAborted();
    found.push(one);
  }
  return found;
}

async function pagesOf<T>(client: Client, path: string, signal: AbortSignal): Promise<readonly T[]> {
  const found: T[] = [];
  for (let next: string | undefined = path; next; ) {
    const { body } = await client.pathUnchecked(next).get({ abortSignal: signal });
    const page = body as { value?: readonly T[]; nextLink?: string } | undefined;
    if (!Array.isArray(page?.value))
      throw new AppError('azure-failed', 'Azure sent a page of a list without values', { hint: 'try again' });
    found.push(...page.value);
    next = page.nextLink || undefined;
  }
  return found;
}
