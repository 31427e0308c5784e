import { homedir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { AccessRequest, App } from './cli/command.ts';
import { loadConfig } from './config.ts';
import { type Clock, type PausableClock, pausableClock } from './domain/clock.ts';
import { AppError } from './domain/errors.ts';
import type { Vm } from './domain/vm.ts';
import type { AzureSettings } from './inventory/azure/asking.ts';
import { cachedInventory, forgetInventories } from './inventory/cached-inventory.ts';
import type { Inventory } from './inventory/inventory.ts';
import { renewBehind } from './inventory/renew.ts';
import type { VmPower } from './inventory/vm-power.ts';
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
      const { clock } = world;
      const [inventory, power] = [inventoryOf(request, world), powerOf(request, world)];
      return accessOf({ request, transport, known, inventory, power, clock });
    },
    terminal() {
      if (!hasTerminal()) return undefined;
      return { input: process.stdin, output: process.stdout, term: environment['TERM'] || 'xterm-256color' };
    },
    async pick(message, choices, signal) {
      const { pickOne } = await import('./terminal/prompts.ts');
      return pickOne({ message, choices, output: process.stderr }, signal);
    },
    canAsk: () => canAsk(process),
    async confirm(question, signal) {
      if (!canAsk(process)) return undefined;
      const prompts = await import('./terminal/prompts.ts');
      return world.clock.duringPause(() => prompts.confirm(question, process.stderr, signal));
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

/** Questions go to stderr: stdout is for data. */
function canAsk({ stdin, stderr }: Process): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
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
      askPassphrase: canAsk(process) ? askPassphrase : undefined,
      connectTimeout: config.connectTimeout,
      keepalive: config.keepalive,
      trace,
    }),
  );
}

/** An adapter and what it needs are loaded when a VM is first asked for: an address needs neither Azure nor a sign-in. */
function inventoryOf(request: AccessRequest, world: World): Inventory {
  const { config } = request;
  const isAzure = config.inventory === 'azure' || config.inventory === 'resource-graph';
  const make = isAzure ? azureInventoryOf : fileInventoryOf;
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

async function azureInventoryOf(request: AccessRequest, world: World): Promise<Inventory> {
  const { config, warn, trace, progress } = request;
  const settings = await azureSettingsOf(request, world);
  // The SDK is loaded when the cache has no answer.
  const azure: Inventory = {
    async listVms(query, signal) {
      try {
        if (config.inventory === 'azure') {
          const { azureInventory } = await import('./inventory/azure/azure-inventory.ts');
          return await azureInventory(settings).listVms(query, signal);
        }
        const { azureGraphInventory } = await import('./inventory/azure/azure-graph-inventory.ts');
        return await azureGraphInventory(settings).listVms(query, signal);
      } finally {
        progress(undefined);
      }
    },
  };
  const { subscriptions, endpoint, resourceGroup = '' } = settings;
  const ids = subscriptions === 'all' ? ['all'] : subscriptions.map(({ id }) => id.toLowerCase()).sort();
  const scope = [config.inventory, endpoint, resourceGroup.toLowerCase(), ...ids];
  const directory = join(config.home, 'cache');
  const { env: environment, execPath, argv } = world.process;
  const cli = [execPath, argv[1] ?? ''];
  const wanted = { subscriptions: config.subscriptions, resourceGroup: config.resourceGroup, source: config.inventory };
  const renew = () => renewBehind({ cli, environment, ...wanted });
  return cachedInventory(azure, { clock: world.clock, directory, scope, ttl: config.inventoryTtl, renew, warn, trace });
}

async function azureSettingsOf({ config, progress, trace }: AccessRequest, world: World): Promise<AzureSettings> {
  const { settleAzure } = await import('./inventory/azure/settle.ts');
  return { ...(await settleAzure(config, world.process.env, world.home)), clock: world.clock, progress, trace };
}

/** After a change nothing that was remembered holds. */
function powerOf(request: AccessRequest, world: World): VmPower {
  const change = async (verb: keyof VmPower, vm: Vm, signal: AbortSignal) => {
    const { config } = request;
    if (!vm.id.startsWith('/subscriptions/'))
      throw new AppError('usage', `"${vm.name}" comes from an inventory file; azlin can ${verb} VMs of Azure only`);
    const settings = await azureSettingsOf(request, world);
    const { azurePower } = await import('./inventory/azure/azure-power.ts');
    try {
      await azurePower({ ...settings, deadline: config.powerDeadline })[verb](vm, signal);
    } finally {
      await forgetInventories(join(config.home, 'cache'));
    }
  };
  return { start: (vm, signal) => change('start', vm, signal), stop: (vm, signal) => change('stop', vm, signal) };
}

interface AccessParts {
  readonly request: AccessRequest;
  readonly transport: Transport;
  readonly known: KnownHosts;
  readonly inventory: Inventory;
  readonly power: VmPower;
  readonly clock: Clock;
}

function accessOf({ request, transport, known, inventory, power, clock }: AccessParts): FleetAccess {
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
    power,
    mayStart: request.mayStart,
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
    startDeadline: config.startDeadline,
    progress: request.progress,
    warn,
    trace,
  };
}
