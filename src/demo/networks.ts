import { type DemoNetwork, type DemoVm, vmIdOf } from './arm-resources.ts';
import { type BastionDouble, type BastionRequest, startBastion } from './bastion-double.ts';
import type { Machine } from './virtual-machine.ts';

export interface NetworkRequest {
  readonly name: string;
  readonly subscription?: string;
  /** The networks that it is peered with; a name, or an id for one of another subscription. */
  readonly peers?: readonly string[];
  readonly bastion?: {
    readonly name: string;
    readonly sku?: string;
    readonly tunnels?: boolean;
    readonly ipConnect?: boolean;
  };
}

type Place = Pick<Machine, 'address' | 'port'>;

export interface NetworksRequest extends Pick<BastionRequest, 'key' | 'certificate' | 'token'> {
  /** All VMs, each with its subscription, which is the demo's by default, and its machine if it runs. */
  readonly vms: () => readonly (readonly [string | undefined, DemoVm, Place | undefined])[];
  readonly networks: readonly NetworkRequest[];
}

export interface DemoNetworks {
  /** By their names. */
  readonly bastions: ReadonlyMap<string, BastionDouble>;
  /** Those of a subscription. */
  of(subscription: string): readonly DemoNetwork[];
  close(): void;
}

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';

export const networkIdOf = (subscription: string, name: string) =>
  name.startsWith('/')
    ? name
    : `/subscriptions/${subscription}/resourceGroups/rg-network/providers/Microsoft.Network/virtualNetworks/${name}`;

/** An address where nothing listens: only a Bastion leads to the VM. */
export const hiddenAddress = (index: number) => `127.77.0.${index + 4}`;

/** Starts the Bastions of these networks. */
export async function startNetworks({ networks, vms, ...rest }: NetworksRequest): Promise<DemoNetworks> {
  /** By the resource id of a VM in lower case, or by its address. */
  const placeOf: BastionRequest['placeOf'] = (target) => {
    const isMeant = (subscription = SUBSCRIPTION, vm: DemoVm) =>
      vmIdOf(subscription, vm).toLowerCase() === target || vm.privateIp === target;
    const [, , machine] = vms().find(([subscription, vm]) => isMeant(subscription, vm)) ?? [];
    return machine && { host: machine.address, port: machine.port };
  };
  const server = { ...rest, placeOf };
  const bastions = new Map<string, BastionDouble>();
  const made = new Map<string, DemoNetwork[]>();
  for (const { name, subscription = SUBSCRIPTION, peers = [], bastion } of networks) {
    const { sku = 'Standard', tunnels = true, ipConnect = false } = bastion ?? {};
    const double = bastion && (await startBastion({ ...server, sku, ipConnect }));
    if (bastion && double) bastions.set(bastion.name, double);
    const network: DemoNetwork = {
      id: networkIdOf(subscription, name),
      peers: peers.map((peer) => networkIdOf(subscription, peer)),
      bastion: bastion && double && { name: bastion.name, sku, tunnels, ipConnect, dnsName: double.dnsName },
    };
    made.set(subscription, [...(made.get(subscription) ?? []), network]);
  }
  return {
    bastions,
    of: (subscription) => made.get(subscription) ?? [],
    close() {
      for (const one of bastions.values()) one.close();
    },
  };
}
