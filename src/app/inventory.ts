import { join } from 'node:path';
import type { Clock, PausableClock } from '../domain/clock.ts';
import type { AzureSettings } from '../inventory/azure/ask-azure.ts';
import type { WebAgents } from '../inventory/azure/web/web-agents.ts';
import { cachedInventory } from '../inventory/cached-inventory.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { renewBehind } from '../inventory/renew.ts';
import { sharedInventory } from '../inventory/shared-inventory.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { InDaemon } from './in-daemon.ts';

/** What an inventory needs from this machine. */
export interface Place {
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  readonly clock: PausableClock;
  /** A clock that keeps running while `clock` stands still. */
  readonly wallClock: Clock;
  readonly inDaemon?: InDaemon | undefined;
}

type Request = Pick<AccessRequest, 'config'>;

/** The adapter is loaded when VMs are first listed: an identifier that is an address needs neither Azure nor a sign-in. */
export function inventoryOf(request: Request, world: Place): Inventory {
  const { config } = request;
  const make = isOfAzure(config.inventory) ? azureInventoryOf : fileInventoryOf;
  let made: Promise<Inventory> | undefined;
  const inventory: Inventory = {
    async listVms(query, caller) {
      made ??= make(request, world);
      return (await made).listVms(query, caller);
    },
  };
  return sharedInventory(inventory, world.wallClock);
}

/** Whether VMs come from Azure, not from a file. `source`: as in the settings. */
export function isOfAzure(source: string): boolean {
  return source === 'azure' || source === 'resource-graph';
}

async function fileInventoryOf({ config }: Request, { wallClock: clock }: Place): Promise<Inventory> {
  const { fileInventory } = await import('../inventory/file-inventory.ts');
  const { resourceGroup, subscriptions } = config;
  return fileInventory(config.inventory, { clock, resourceGroup, subscriptions });
}

async function azureInventoryOf(request: Request, world: Place): Promise<Inventory> {
  const { config } = request;
  const settings = await azureSettingsOf(request, world);
  // The SDK is only loaded when the cache has no answer.
  const azure: Inventory = {
    async listVms(query, caller) {
      world.inDaemon?.notHere('Azure is asked');
      try {
        if (config.inventory === 'azure') {
          const { azureInventory } = await import('../inventory/azure/azure-inventory.ts');
          return await azureInventory(settings).listVms(query, caller);
        }
        const { azureGraphInventory } = await import('../inventory/azure/azure-graph-inventory.ts');
        return await azureGraphInventory(settings).listVms(query, caller);
      } finally {
        caller.progress(undefined);
      }
    },
  };
  const { subscriptions, endpoint, resourceGroup = '' } = settings;
  const { only = '', homeTenant = '', clientId = '' } = settings.credential;
  // What "all" includes depends on who signs in.
  const all = ['all', only, homeTenant, clientId];
  const ids = subscriptions === 'all' ? all : subscriptions.map(({ id }) => id.toLowerCase()).sort();
  const ways = settings.looksForBastions ? [] : ['no Bastions'];
  const scope = [config.inventory, endpoint, resourceGroup.toLowerCase(), ...ways, ...ids];
  const directory = join(config.home, 'cache');
  const { environment, cli, wallClock: clock } = world;
  const renew = () => renewBehind({ cli, environment, config, what: { kind: 'vms' } });
  return cachedInventory(azure, { clock, directory, scope, ttl: config.inventoryTtl, renew });
}

/** Not if the settings say that none is used. A flag or a variable is for one call, and what is found is kept for others. */
function looksForBastions({ bastion, sources }: Request['config']): boolean {
  return bastion !== 'never' || sources.bastion === 'flag' || sources.bastion === 'environment';
}

/** `isScopeOptional`: for what concerns no subscription. */
export async function azureSettingsOf(request: Request, world: Place, isScopeOptional = false): Promise<AzureSettings> {
  const { config } = request;
  const { settleAzure } = await import('../inventory/azure/azure-settings.ts');
  const settled = await settleAzure({ ...config, isScopeOptional }, world.environment, world.home);
  // Loaded with the SDK, when the first request is sent.
  let made: Promise<WebAgents> | undefined;
  const agents: WebAgents = {
    async agentFor(target) {
      made ??= import('../inventory/azure/web/web-agents.ts').then(({ webAgents }) => webAgents(world.environment));
      return (await made).agentFor(target);
    },
  };
  return { ...settled, looksForBastions: looksForBastions(config), agents, clock: world.clock };
}
