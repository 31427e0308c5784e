import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A VM as the local Resource Manager knows it. */
export interface DemoVm {
  readonly name: string;
  readonly resourceGroup: string;
  readonly vmId: string;
  readonly size: string;
  readonly powerState: 'running' | 'deallocated';
  readonly adminUser: string;
  /** Null: it has none; `unassigned`: it has one that holds no address while the VM is deallocated. */
  readonly publicIp: string | 'unassigned' | null;
  readonly privateIp: string;
  readonly tags: Readonly<Record<string, string>>;
}

export const DEMO_SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
/** Subscriptions that answer as Azure does when something is wrong. */
export const FORBIDDEN_SUBSCRIPTION = '00000000-0000-0000-0000-000000000403';
export const THROTTLED_SUBSCRIPTION = '00000000-0000-0000-0000-000000000429';
/** Its next page is on another server, as no Azure's ever is. */
export const ASTRAY_SUBSCRIPTION = '00000000-0000-0000-0000-000000000302';

export interface ResourceManagerRequest {
  readonly vms: readonly DemoVm[];
  readonly token: string;
  readonly key: string;
  readonly certificate: string;
  /** Things a page of a list. */
  readonly pageSize: number;
}

export interface LocalResourceManager {
  readonly url: string;
  /** `GET /subscriptions/…` of every request so far. */
  readonly requests: readonly string[];
  close(): void;
}

/** A Resource Manager on loopback that answers the lists azlin asks for, and refuses what Azure refuses, as Azure does. */
export function startResourceManager(request: ResourceManagerRequest): Promise<LocalResourceManager> {
  const requests: string[] = [];
  let url = '';
  const server = createServer({ key: request.key, cert: request.certificate }, (incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    const { status, body, headers } = answer(incoming, request, url);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(body));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const close = () => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ url, requests, close });
    });
  });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const refusal = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error: { code, message } },
});

function answer(
  { headers, url: path = '', method }: IncomingMessage,
  request: ResourceManagerRequest,
  base: string,
): Answer {
  if (headers.authorization !== `Bearer ${request.token}`)
    return {
      ...refusal(401, 'ExpiredAuthenticationToken', 'The access token is expired or not from this demo.'),
      headers: { 'www-authenticate': 'Bearer authorization_uri="https://login.windows.net/", error="invalid_token"' },
    };
  const { pathname, searchParams } = new URL(path, base);
  const match =
    /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?\/providers\/(Microsoft\.\w+\/\w+)(?:\/([^/]+)\/instanceView)?$/i.exec(
      pathname,
    );
  const [, subscription = '', group, type = '', name] = match ?? [];
  if (subscription === FORBIDDEN_SUBSCRIPTION)
    return refusal(
      403,
      'AuthorizationFailed',
      `The client 'demo' does not have authorization to perform action '${type}/read' over scope '/subscriptions/${subscription}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    );
  if (subscription === THROTTLED_SUBSCRIPTION)
    return {
      ...refusal(
        429,
        'SubscriptionRequestsThrottled',
        `Number of requests for subscription '${subscription}' exceeded the limit. Please try again after '0' seconds.`,
      ),
      headers: { 'retry-after': '0' },
    };
  if (subscription === ASTRAY_SUBSCRIPTION)
    return { status: 200, body: { value: [], nextLink: `https://127.0.0.1:1${pathname}` } };
  if (subscription !== DEMO_SUBSCRIPTION)
    return refusal(404, 'SubscriptionNotFound', `The subscription '${subscription}' could not be found.`);
  if (!match || method !== 'GET')
    return refusal(404, 'InvalidResourceType', `The resource type '${type}' could not be found.`);
  const vms = request.vms.filter((vm) => group === undefined || vm.resourceGroup.toLowerCase() === group.toLowerCase());
  if (group !== undefined && vms.length === 0)
    return refusal(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
  if (name !== undefined) return instanceViewAnswer(vms, name);
  const withStates = group === undefined && searchParams.get('statusOnly') === 'true';
  const things = thingsOf(type.toLowerCase(), vms, withStates);
  if (!things) return refusal(404, 'InvalidResourceType', `The resource type '${type}' could not be found.`);
  const from = Number(searchParams.get('$skiptoken') ?? 0);
  const to = from + request.pageSize;
  searchParams.set('$skiptoken', String(to));
  const more = to < things.length ? { nextLink: `${base}${pathname}?${searchParams}` } : {};
  return { status: 200, body: { value: things.slice(from, to), ...more } };
}

function instanceViewAnswer(vms: readonly DemoVm[], name: string): Answer {
  const vm = vms.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (vm) return { status: 200, body: instanceView(vm) };
  return refusal(404, 'ResourceNotFound', `The Resource 'Microsoft.Compute/virtualMachines/${name}' was not found.`);
}

function thingsOf(type: string, vms: readonly DemoVm[], withStates: boolean): readonly object[] | undefined {
  if (type === 'microsoft.compute/virtualmachines') return vms.map((vm) => virtualMachine(vm, withStates));
  if (type === 'microsoft.network/networkinterfaces') return vms.map(networkInterface);
  if (type === 'microsoft.network/publicipaddresses')
    return vms.filter((vm) => vm.publicIp !== null).map(publicIpAddress);
  return undefined;
}

const providers = (group: string) => `/subscriptions/${DEMO_SUBSCRIPTION}/resourceGroups/${group}/providers`;
// Compute writes the resource group in capitals, Network as it was created: ids must be compared without case.
const vmIdOf = (vm: DemoVm) =>
  `${providers(vm.resourceGroup.toUpperCase())}/Microsoft.Compute/virtualMachines/${vm.name}`;
const nicIdOf = (vm: DemoVm) => `${providers(vm.resourceGroup)}/Microsoft.Network/networkInterfaces/${vm.name}-nic`;
const ipIdOf = (vm: DemoVm) => `${providers(vm.resourceGroup)}/Microsoft.Network/publicIPAddresses/${vm.name}-ip`;

function virtualMachine(vm: DemoVm, withState: boolean): object {
  return {
    name: vm.name,
    id: vmIdOf(vm),
    type: 'Microsoft.Compute/virtualMachines',
    location: 'westeurope',
    tags: vm.tags,
    properties: {
      vmId: vm.vmId,
      hardwareProfile: { vmSize: vm.size },
      storageProfile: { osDisk: { osType: 'Linux', createOption: 'FromImage' }, dataDisks: [] },
      osProfile: { computerName: vm.name, adminUsername: vm.adminUser },
      networkProfile: { networkInterfaces: [{ id: nicIdOf(vm).toUpperCase(), properties: { primary: true } }] },
      provisioningState: 'Succeeded',
      ...(withState ? { instanceView: instanceView(vm) } : {}),
    },
  };
}

function instanceView({ powerState }: DemoVm): object {
  return {
    statuses: [
      { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
      { code: `PowerState/${powerState}`, level: 'Info', displayStatus: `VM ${powerState}` },
    ],
  };
}

function networkInterface(vm: DemoVm): object {
  const publicIPAddress = vm.publicIp === null ? {} : { publicIPAddress: { id: ipIdOf(vm) } };
  return {
    name: `${vm.name}-nic`,
    id: nicIdOf(vm),
    location: 'westeurope',
    properties: {
      primary: true,
      virtualMachine: { id: vmIdOf(vm) },
      ipConfigurations: [
        {
          name: 'ipconfig1',
          properties: {
            primary: true,
            privateIPAddress: vm.privateIp,
            privateIPAddressVersion: 'IPv4',
            ...publicIPAddress,
          },
        },
      ],
    },
  };
}

function publicIpAddress(vm: DemoVm): object {
  return {
    name: `${vm.name}-ip`,
    id: ipIdOf(vm),
    location: 'westeurope',
    properties: { publicIPAddressVersion: 'IPv4', ...(vm.publicIp === 'unassigned' ? {} : { ipAddress: vm.publicIp }) },
  };
}
