import { createHash } from 'node:crypto';

/** A VM as the local Resource Manager knows it. */
export interface DemoVm {
  readonly name: string;
  readonly resourceGroup: string;
  readonly vmId: string;
  readonly size: string;
  readonly powerState: 'running' | 'starting' | 'deallocating' | 'deallocated';
  readonly adminUser: string;
  /** Null: it has none; `unassigned`: it has one that holds no address while the VM is deallocated. */
  readonly publicIp: string | 'unassigned' | null;
  readonly privateIp: string;
  /** The resource group of its interface and its public address; by default that of the VM. */
  readonly networkGroup?: string;
  /** The id of its virtual network. */
  readonly network?: string;
  /** What it has so that users sign in with Entra ID. */
  readonly entra?: EntraLogin | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export interface EntraLogin {
  /** A system-assigned identity. */
  readonly identity: boolean;
  /** The state of the extension AADSSHLoginForLinux: `Succeeded` where it works; undefined if it is not installed. */
  readonly extension: string | undefined;
}

export interface DemoSubscription {
  readonly id: string;
  readonly name: string;
  /** May be changed while the server runs. */
  readonly vms: DemoVm[];
  readonly networks?: readonly DemoNetwork[];
  /** The sign-in may know that it exists, but may not read it. */
  readonly closed?: boolean;
}

/** A virtual network, and the Bastion in it. */
export interface DemoNetwork {
  readonly id: string;
  /** The ids of the networks that it is peered with. */
  readonly peers: readonly string[];
  readonly bastion?: DemoBastion | undefined;
}

export interface DemoBastion {
  readonly name: string;
  readonly sku: string;
  readonly dnsName: string;
  readonly tunnels: boolean;
  readonly ipConnect: boolean;
}

/** A resource of a subscription, as Resource Manager lists it. */
export type Resource = Readonly<Record<string, unknown>>;

const providers = (subscription: string, group: string) =>
  `/subscriptions/${subscription}/resourceGroups/${group}/providers`;
// Compute writes the resource group in capitals, Network as it was created: ids must be compared without case.
export const vmIdOf = (subscription: string, { name, resourceGroup }: DemoVm) =>
  `${providers(subscription, resourceGroup.toUpperCase())}/Microsoft.Compute/virtualMachines/${name}`;
const nicIdOf = (subscription: string, { name, resourceGroup, networkGroup = resourceGroup }: DemoVm) =>
  `${providers(subscription, networkGroup)}/Microsoft.Network/networkInterfaces/${name}-nic`;
const ipIdOf = (subscription: string, { name, resourceGroup, networkGroup = resourceGroup }: DemoVm) =>
  `${providers(subscription, networkGroup)}/Microsoft.Network/publicIPAddresses/${name}-ip`;

/** The resources of one type, or undefined for a type that this server does not know. */
export function resourcesOf(
  type: string,
  subscription: string,
  vms: readonly DemoVm[],
): readonly Resource[] | undefined {
  switch (type.toLowerCase()) {
    case 'microsoft.compute/virtualmachines':
      return vms.map((vm) => virtualMachine(subscription, vm));
    case 'microsoft.network/networkinterfaces':
      return vms.map((vm) => networkInterface(subscription, vm));
    case 'microsoft.network/publicipaddresses':
      return vms.flatMap((vm) => (vm.publicIp === null ? [] : [publicIpAddress(subscription, vm, vm.publicIp)]));
    default:
      return undefined;
  }
}

export function virtualMachine(subscription: string, vm: DemoVm): Resource {
  return {
    name: vm.name,
    id: vmIdOf(subscription, vm),
    type: 'Microsoft.Compute/virtualMachines',
    location: 'westeurope',
    tags: vm.tags,
    ...(vm.entra?.identity ? { identity: { type: 'SystemAssigned', principalId: vm.vmId } } : {}),
    properties: {
      vmId: vm.vmId,
      hardwareProfile: { vmSize: vm.size },
      storageProfile: {
        imageReference: { publisher: 'Debian', offer: 'debian-12', sku: '12', version: 'latest' },
        osDisk: { osType: 'Linux', name: `${vm.name}-disk`, createOption: 'FromImage', caching: 'ReadWrite' },
        dataDisks: [],
      },
      osProfile: {
        computerName: vm.name,
        adminUsername: vm.adminUser,
        linuxConfiguration: { disablePasswordAuthentication: true, provisionVMAgent: true },
        secrets: [],
        allowExtensionOperations: true,
      },
      networkProfile: {
        networkInterfaces: [{ id: nicIdOf(subscription, vm).toUpperCase(), properties: { primary: true } }],
      },
      provisioningState: 'Succeeded',
    },
  };
}

/** The VM with its extensions, which lists do not show. */
export function withExtensions(resource: Resource, { entra }: DemoVm): Resource {
  if (entra?.extension === undefined) return resource;
  const name = 'AADSSHLoginForLinux';
  const properties = {
    ...{ publisher: 'Microsoft.Azure.ActiveDirectory', type: name, typeHandlerVersion: '1.0' },
    provisioningState: entra.extension,
  };
  const extension = { name, id: `${resource['id']}/extensions/${name}`, properties };
  return { ...resource, resources: [extension] };
}

export function withInstanceView(resource: Resource, vm: DemoVm): Resource {
  const properties = resource['properties'] as Resource;
  return { ...resource, properties: { ...properties, instanceView: instanceView(vm) } };
}

export function instanceView({ powerState }: DemoVm): Resource {
  return {
    statuses: [
      { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
      { code: `PowerState/${powerState}`, level: 'Info', displayStatus: `VM ${powerState}` },
    ],
  };
}

function networkInterface(subscription: string, vm: DemoVm): Resource {
  const id = nicIdOf(subscription, vm);
  const publicIPAddress = vm.publicIp === null ? {} : { publicIPAddress: { id: ipIdOf(subscription, vm) } };
  return {
    name: `${vm.name}-nic`,
    id,
    type: 'Microsoft.Network/networkInterfaces',
    location: 'westeurope',
    properties: {
      primary: true,
      provisioningState: 'Succeeded',
      macAddress: macOf(vm),
      virtualMachine: { id: vmIdOf(subscription, vm) },
      ipConfigurations: [
        {
          name: 'ipconfig1',
          id: `${id}/ipConfigurations/ipconfig1`,
          properties: {
            primary: true,
            privateIPAddress: vm.privateIp,
            privateIPAddressVersion: 'IPv4',
            privateIPAllocationMethod: 'Dynamic',
            ...publicIPAddress,
            ...(vm.network === undefined ? {} : { subnet: { id: `${vm.network}/subnets/default` } }),
          },
        },
      ],
    },
  };
}

/** What is in the networks of a subscription, or undefined for types that are not. */
export function networkResourcesOf(type: string, networks: readonly DemoNetwork[]): readonly Resource[] | undefined {
  switch (type.toLowerCase()) {
    case 'microsoft.network/virtualnetworks':
      return networks.map(virtualNetwork);
    case 'microsoft.network/bastionhosts':
      return networks.flatMap((network) => (network.bastion ? [bastionHost(network, network.bastion)] : []));
    default:
      return undefined;
  }
}

export const bastionIdOf = ({ id }: DemoNetwork, { name }: Pick<DemoBastion, 'name'>) =>
  `${id.replace(/\/virtualNetworks\/.*$/, '')}/bastionHosts/${name}`;

function virtualNetwork({ id, peers }: DemoNetwork): Resource {
  const peering = (peer: string, at: number) => ({
    name: `peering-${at}`,
    properties: { peeringState: 'Connected', remoteVirtualNetwork: { id: peer } },
  });
  return {
    name: id.split('/').at(-1),
    id,
    type: 'Microsoft.Network/virtualNetworks',
    location: 'westeurope',
    properties: { provisioningState: 'Succeeded', subnets: [], virtualNetworkPeerings: peers.map(peering) },
  };
}

function bastionHost(network: DemoNetwork, { name, sku, dnsName, tunnels, ipConnect }: DemoBastion): Resource {
  const id = bastionIdOf(network, { name });
  const place = /^developer$/i.test(sku)
    ? { virtualNetwork: { id: network.id } }
    : {
        ipConfigurations: [
          {
            name: 'IpConf',
            id: `${id}/bastionHostIpConfigurations/IpConf`,
            properties: { subnet: { id: `${network.id}/subnets/AzureBastionSubnet` } },
          },
        ],
      };
  return {
    ...{ name, id, type: 'Microsoft.Network/bastionHosts', location: 'westeurope', sku: { name: sku } },
    properties: {
      ...{ provisioningState: 'Succeeded', dnsName, scaleUnits: 2 },
      ...{ enableTunneling: tunnels, enableIpConnect: ipConnect, ...place },
    },
  };
}

function macOf({ vmId }: DemoVm): string {
  const hex = createHash('sha256').update(vmId).digest('hex').toUpperCase();
  return `00-0D-3A-${hex.slice(0, 2)}-${hex.slice(2, 4)}-${hex.slice(4, 6)}`;
}

function publicIpAddress(subscription: string, vm: DemoVm, address: string): Resource {
  return {
    name: `${vm.name}-ip`,
    id: ipIdOf(subscription, vm),
    type: 'Microsoft.Network/publicIPAddresses',
    location: 'westeurope',
    properties: {
      provisioningState: 'Succeeded',
      publicIPAddressVersion: 'IPv4',
      publicIPAllocationMethod: 'Dynamic',
      ...(address === 'unassigned' ? {} : { ipAddress: address }),
    },
  };
}
