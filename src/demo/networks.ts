import type { DemoNetwork } from './arm-resources.ts';
import { type BastionDouble, type BastionRequest, startBastion } from './bastion-double.ts';

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

export interface NetworksRequest extends Pick<BastionRequest, 'key' | 'certificate' | 'token' | 'placeOf'> {
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

/** Starts the Bastions of these networks. */
export async function startNetworks({ networks, ...server }: NetworksRequest): Promise<DemoNetworks> {
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
