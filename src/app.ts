import { homedir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { AccessRequest, App } from './cli/command.ts';
import { type Config, loadConfig } from './config.ts';
import { type Clock, type PausableClock, pausableClock } from './domain/clock.ts';
import { AppError } from './domain/errors.ts';
import type { Vm } from './domain/vm.ts';
import { cachedInventory } from './inventory/cached-inventory.ts';
import type { Inventory } from './inventory/inventory.ts';
import type { FleetAccess } from './operations/fleet-access.ts';
import { probeSessions } from './targets/probe.ts';
import { resolver } from './targets/resolve.ts';
import { survey } from './targets/survey.ts';
import { endpointOfAddress, endpointOfVm, type LoginChoice } from './transport/endpoint.ts';
import { type KnownHosts, knownHosts } from './transport/known-hosts.ts';
import { sharedTransport } from './transport/shared-transport.ts';
import type { Transport } from './transport/transport.ts';

type Process = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'execPath' | 'argv'>;

const systemClock: Clock = {
  now: () => Date.now(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** The real world around the program. Nothing is loaded before it is needed: `--help` touches neither Azure nor SSH. */
export function createApp(process: Process): App {
  const environment = process.env;
  const home = environment['HOME'] || homedir();
  const world: World = { process, home, clock: pausableClock(systemClock) };
  const transports: Transport[] = [];
  const hasTerminal = () => process.stdin.isTTY === true && process.stdout.isTTY === true;
  return {
    environment,
    clock: world.clock,
    version: () => packageJson.version,
    config: (overrides) => loadConfig(environment, home, overrides),
    async access(request) {
      const known = knownHosts(join(request.config.home, 'known_hosts'), request.config.hostKeys, request.trace);
      const transport = await transportOf(request, known, world);
      transports.push(transport);
      return accessOf({ request, transport, known, inventory: inventoryOf(request, world), clock: world.clock });
    },
    terminal() {
      if (!hasTerminal()) return undefined;
      return { input: process.stdin, output: process.stdout, term: environment['TERM'] || 'xterm-256color' };
    },
    async pick(message, choices, signal) {
      const { pickOne } = await import('./terminal/prompts.ts');
      return pickOne({ message, choices, output: process.stderr }, signal);
    },
    async demo(request, signal) {
      const { runDemo } = await import('./demo/run-demo.ts');
      const cli = [process.execPath, process.argv[1] ?? ''];
      const interactive = hasTerminal() && !request.tour;
      return runDemo({ ...request, clock: world.clock, environment, interactive, cli }, signal);
    },
    close() {
      for (const transport of transports) transport.close();
    },
  };
}

interface World {
  readonly process: Process;
  readonly home: string;
  readonly clock: PausableClock;
}

async function transportOf(
  { config, trace }: AccessRequest,
  known: KnownHosts,
  { process, home, clock }: World,
): Promise<Transport> {
  if (process.env['AZLIN_PROXYJUMP'])
    throw new AppError(
      'config',
      'AZLIN_PROXYJUMP is set, but this version of azlin cannot connect through a jump host',
      {
        hint: 'unset it to connect directly',
      },
    );
  const { ssh2Dial } = await import('./transport/ssh2-transport.ts');
  const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const askPassphrase = async (question: string) => {
    const prompts = await import('./terminal/prompts.ts');
    return clock.duringPause(() => prompts.askPassphrase(question, process.stderr));
  };
  return sharedTransport(
    ssh2Dial({
      clock,
      knownHosts: known,
      identityFiles: config.identities,
      agentSocket: process.env['SSH_AUTH_SOCK'] || undefined,
      home,
      askPassphrase: canAsk ? askPassphrase : undefined,
      connectTimeout: config.connectTimeout,
      keepalive: config.keepalive,
      trace,
    }),
  );
}

/** An adapter and what it needs are loaded when a VM is first asked for: an address needs neither Azure nor a sign-in. */
function inventoryOf(request: AccessRequest, world: World): Inventory {
  const { config } = request;
  const make = config.inventory === 'azure' ? azureInventoryOf : fileInventoryOf;
  let made: Promise<Inventory> | undefined;
  return {
    async listVms(query, signal) {
      made ??= make(request, world);
      return (await made).listVms(query, signal);
    },
  };
}

async function fileInventoryOf({ config }: AccessRequest, { clock }: World): Promise<Inventory> {
  const { fileInventory } = await import('./inventory/file-inventory.ts');
  const { resourceGroup, subscriptions } = config;
  return fileInventory(config.inventory, { clock, resourceGroup, subscriptions });
}

async function azureInventoryOf(
  { config, warn, trace }: AccessRequest,
  { process, home, clock }: World,
): Promise<Inventory> {
  const subscriptions = await subscriptionsOf(config, process.env['AZURE_CONFIG_DIR'] || join(home, '.azure'));
  const { resourceManager: endpoint, resourceGroup, azureDeadline: deadline } = config;
  // The SDK is loaded when the cache has no answer.
  const azure: Inventory = {
    async listVms(query, signal) {
      const { azureInventory } = await import('./inventory/azure/azure-inventory.ts');
      const credential = config.credential === 'any' ? undefined : config.credential;
      const settings = { clock, subscriptions, resourceGroup, endpoint, credential, deadline };
      return azureInventory(settings).listVms(query, signal);
    },
  };
  const scope = [endpoint, resourceGroup?.toLowerCase() ?? '', ...[...subscriptions].sort()];
  const directory = join(config.home, 'cache');
  return cachedInventory(azure, { clock, directory, scope, ttl: config.inventoryTtl, warn, trace });
}

async function subscriptionsOf(config: Config, azureConfigDirectory: string): Promise<readonly string[]> {
  if (config.subscriptions.length > 0) return config.subscriptions;
  const { activeSubscription } = await import('./inventory/azure/azure-profile.ts');
  const active = await activeSubscription(azureConfigDirectory);
  if (active !== undefined) return [active];
  throw new AppError('not-signed-in', 'No Azure subscription is in scope', {
    hint: 'az login   or set AZURE_SUBSCRIPTION_ID, or azure.subscriptions in config.toml; azlin demo needs no Azure',
  });
}

interface AccessParts {
  readonly request: AccessRequest;
  readonly transport: Transport;
  readonly known: KnownHosts;
  readonly inventory: Inventory;
  readonly clock: Clock;
}

function accessOf({ request, transport, known, inventory, clock }: AccessParts): FleetAccess {
  const { config, user, port, warn, trace } = request;
  const choice: LoginChoice = {
    flagUser: user,
    flagPort: port,
    settingsUser: config.sshUser,
    settingsPort: config.sshPort,
  };
  const endpointOf = (vm: Vm) => endpointOfVm(vm, choice);
  const asked = survey({
    clock,
    cacheDirectory: join(config.home, 'cache'),
    endpointOf,
    probe: (question) => probeSessions({ transport, clock }, question),
    warn,
  });
  return {
    clock,
    inventory,
    survey: asked,
    resolver: resolver({
      clock,
      inventory,
      survey: asked,
      endpointOfVm: (vm, identifierUser) => endpointOfVm(vm, { ...choice, identifierUser }),
      endpointOfAddress: (address, identifierUser) => endpointOfAddress(address, { ...choice, identifierUser }),
      defaultSession: config.defaultSession,
      deadline: config.resolveDeadline,
      sessionsTtl: config.sessionsTtl,
      trace,
      warn,
    }),
    transport,
    endpointOf,
    isKnownHost: async ({ hostKeyAlias }) => (await known.knownTypes(hostKeyAlias)).length > 0,
    commandDeadline: config.commandDeadline,
    warn,
    trace,
  };
}
