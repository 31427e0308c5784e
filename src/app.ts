import { homedir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { AccessRequest, App } from './cli/command.ts';
import { loadConfig } from './config.ts';
import type { Clock } from './domain/clock.ts';
import { AppError } from './domain/errors.ts';
import type { Vm } from './domain/vm.ts';
import { cachedInventory } from './inventory/cached-inventory.ts';
import type { Inventory } from './inventory/inventory.ts';
import type { FleetAccess } from './operations/fleet-access.ts';
import { probeSessions } from './targets/probe.ts';
import { resolver } from './targets/resolve.ts';
import { survey } from './targets/survey.ts';
import { endpointOfAddress, endpointOfVm, type LoginChoice } from './transport/endpoint.ts';
import { knownHosts } from './transport/known-hosts.ts';
import { sharedTransport } from './transport/shared-transport.ts';
import type { Transport } from './transport/transport.ts';

type Process = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'execPath' | 'argv'>;

const clock: Clock = {
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
  const transports: Transport[] = [];
  const hasTerminal = () => process.stdin.isTTY === true && process.stdout.isTTY === true;
  return {
    environment,
    clock,
    version: () => packageJson.version,
    config: (overrides) => loadConfig(environment, home, overrides),
    async access(request) {
      const transport = await transportOf(request, { process, home });
      transports.push(transport);
      return accessOf(request, transport, await inventoryOf(request, environment, home));
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
      return runDemo(
        {
          ...request,
          clock,
          environment,
          interactive: hasTerminal() && !request.tour,
          cli: [process.execPath, process.argv[1] ?? ''],
        },
        signal,
      );
    },
    close() {
      for (const transport of transports) transport.close();
    },
  };
}

interface Surroundings {
  readonly process: Process;
  readonly home: string;
}

async function transportOf({ config, trace }: AccessRequest, { process, home }: Surroundings): Promise<Transport> {
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
  return sharedTransport(
    ssh2Dial({
      clock,
      knownHosts: knownHosts(join(config.home, 'known_hosts'), config.hostKeys, trace),
      identityFiles: config.identities,
      agentSocket: process.env['SSH_AUTH_SOCK'] || undefined,
      home,
      askPassphrase: canAsk
        ? async (question) => (await import('./terminal/prompts.ts')).askPassphrase(question, process.stderr)
        : undefined,
      connectTimeout: config.connectTimeout,
      keepalive: config.keepalive,
      trace,
    }),
  );
}

async function inventoryOf(
  { config, warn, trace }: AccessRequest,
  environment: NodeJS.ProcessEnv,
  home: string,
): Promise<Inventory> {
  if (config.inventory !== 'azure') {
    const { fileInventory } = await import('./inventory/file-inventory.ts');
    return fileInventory(config.inventory.replace(/^~(?=\/)/, home), clock);
  }
  const { activeSubscription } = await import('./inventory/azure/azure-profile.ts');
  const active =
    config.subscriptions.length > 0
      ? undefined
      : await activeSubscription(environment['AZURE_CONFIG_DIR'] || join(home, '.azure'));
  const subscriptions = active === undefined ? config.subscriptions : [active];
  if (subscriptions.length === 0)
    throw new AppError('not-signed-in', 'No Azure subscription is in scope', {
      hint: 'az login   or set AZURE_SUBSCRIPTION_ID, or azure.subscriptions in config.toml; azlin demo needs no Azure',
    });
  const { resourceManager: endpoint, resourceGroup } = config;
  // The SDK is loaded when the cache has no answer.
  const azure: Inventory = {
    async listVms(query, signal) {
      const { azureInventory } = await import('./inventory/azure/azure-inventory.ts');
      const credential = config.credential === 'any' ? undefined : config.credential;
      return azureInventory({
        clock,
        subscriptions,
        resourceGroup,
        endpoint,
        credential,
        deadline: config.azureDeadline,
      }).listVms(query, signal);
    },
  };
  const scope = [endpoint, resourceGroup?.toLowerCase() ?? '', ...[...subscriptions].sort()];
  return cachedInventory(azure, {
    clock,
    directory: join(config.home, 'cache'),
    scope,
    ttl: config.inventoryTtl,
    warn,
    trace,
  });
}

function accessOf(
  { config, user, port, warn, trace }: AccessRequest,
  transport: Transport,
  inventory: Inventory,
): FleetAccess {
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
    probe: (endpoint, ms, signal) => probeSessions({ transport, clock }, endpoint, ms, signal),
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
    commandDeadline: config.commandDeadline,
    warn,
    trace,
  };
}
