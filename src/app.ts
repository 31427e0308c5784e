import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { localUser, sshOf } from './app/ssh.ts';
import type { AccessRequest, App } from './cli/command.ts';
import { loadConfig } from './config.ts';
import { type Clock, type PausableClock, pausableClock } from './domain/clock.ts';
import { AppError } from './domain/errors.ts';
import { oneByOne } from './domain/in-turn.ts';
import { isAzureVm } from './domain/vm.ts';
import type { AzureSettings } from './inventory/azure/asking.ts';
import { cachedInventory, forgetInventories } from './inventory/cached-inventory.ts';
import type { Inventory } from './inventory/inventory.ts';
import { renewBehind } from './inventory/renew.ts';
import { sharedInventory } from './inventory/shared-inventory.ts';
import type { NamedVm, VmPower } from './inventory/vm-power.ts';
import { makeAccess } from './operations/make-access.ts';
import type { Transport } from './transport/transport.ts';

type Process = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'execPath' | 'argv' | 'getuid'> & {
  title: string;
};

const systemClock: Clock = {
  now: () => Date.now(),
  schedule(ms, run) {
    // Node takes a longer time for none.
    const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** The real world around the program. Nothing is loaded before it is needed: `--help` touches neither Azure nor SSH. */
export function createApp(process: Process): App {
  const environment = process.env;
  const home = environment['HOME'] || homedir();
  const world: World = { process, home, clock: pausableClock(systemClock), inTurn: oneByOne() };
  const transports: Transport[] = [];
  const hasTerminal = () => process.stdin.isTTY === true && process.stdout.isTTY === true;
  return {
    environment,
    clock: world.clock,
    version: () => packageJson.version,
    hideArguments() {
      process.title = 'azlin';
    },
    config: (overrides) => loadConfig(environment, home, overrides),
    async access(request) {
      const { config, start, progress, warn, trace } = request;
      const inventory = inventoryOf(request, world);
      const { transport, hostKeys, choice } = await sshOf(request, { ...sshSurroundings(request, world), inventory });
      transports.push(transport);
      return makeAccess({
        clock: world.clock,
        now: systemClock.now,
        inventory,
        power: powerOf(request, world),
        transport,
        hostKeys,
        lags: config.inventory === 'resource-graph',
        choice,
        settings: config,
        label: config.label ?? defaultLabel(environment),
        ...{ start, progress, warn, trace },
      });
    },
    terminal() {
      if (!hasTerminal()) return undefined;
      return { input: process.stdin, output: process.stdout, term: environment['TERM'] || 'xterm-256color' };
    },
    async pick(picking, signal) {
      const { pickOne } = await import('./terminal/prompts.ts');
      return world.inTurn(() => pickOne(picking, process.stderr, signal));
    },
    async askText(question, signal) {
      const { askText } = await import('./terminal/prompts.ts');
      return world.inTurn(() => askText(question, process.stderr, signal));
    },
    canAsk: () => canAsk(process),
    async confirm(question, signal) {
      if (!canAsk(process)) return undefined;
      const prompts = await import('./terminal/prompts.ts');
      return world.clock.duringPause(() => world.inTurn(() => prompts.confirm(question, process.stderr, signal)));
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

function sshSurroundings({ progress }: AccessRequest, { process, home, clock, inTurn }: World) {
  const asking = <T>(ask: (prompts: typeof import('./terminal/prompts.ts')) => Promise<T>): Promise<T> =>
    clock.duringPause(() =>
      inTurn(async () => {
        const prompts = await import('./terminal/prompts.ts');
        // The question needs the line.
        progress(undefined);
        return ask(prompts);
      }),
    );
  const { stderr, env: environment } = process;
  const questions = {
    passphrase: (question: string) => asking((prompts) => prompts.askPassphrase(question, stderr)),
    confirm: (question: string) => asking((prompts) => prompts.confirm(question, stderr)),
  };
  const questionsOrNone = canAsk(process) ? questions : undefined;
  return { environment, home, uid: process.getuid?.(), clock, wallClock: systemClock, questions: questionsOrNone };
}

/** Who somebody is for those with whom they share a VM. */
function defaultLabel(environment: NodeJS.ProcessEnv): string {
  return `${localUser(environment)}@${hostname()}`;
}

interface World {
  readonly process: Process;
  readonly home: string;
  readonly clock: PausableClock;
  /** Waits until nobody is being asked anything else: there is one terminal, and what is typed must not answer another question. */
  readonly inTurn: <T>(ask: () => Promise<T>) => Promise<T>;
}

/** Questions go to stderr: stdout is for data. */
function canAsk({ stdin, stderr }: Process): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** An adapter and what it needs are loaded when a VM is first asked for: an address needs neither Azure nor a sign-in. */
function inventoryOf(request: AccessRequest, world: World): Inventory {
  const { config } = request;
  const isAzure = config.inventory === 'azure' || config.inventory === 'resource-graph';
  const make = isAzure ? azureInventoryOf : fileInventoryOf;
  let made: Promise<Inventory> | undefined;
  const inventory: Inventory = {
    async listVms(query, signal) {
      made ??= make(request, world);
      return (await made).listVms(query, signal);
    },
  };
  return sharedInventory(inventory, systemClock);
}

async function fileInventoryOf({ config }: AccessRequest): Promise<Inventory> {
  const { fileInventory } = await import('./inventory/file-inventory.ts');
  const { resourceGroup, subscriptions } = config;
  return fileInventory(config.inventory, { clock: systemClock, resourceGroup, subscriptions });
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
  const { only = '', homeTenant = '', clientId = '' } = settings.credential;
  // All that one may see depends on who that is.
  const all = ['all', only, homeTenant, clientId];
  const ids = subscriptions === 'all' ? all : subscriptions.map(({ id }) => id.toLowerCase()).sort();
  const scope = [config.inventory, endpoint, resourceGroup.toLowerCase(), ...ids];
  const directory = join(config.home, 'cache');
  const { env: environment, execPath, argv } = world.process;
  const cli = [execPath, argv[1] ?? ''];
  const wanted = { subscriptions: config.subscriptions, resourceGroup: config.resourceGroup, source: config.inventory };
  const renew = () => renewBehind({ cli, environment, ...wanted });
  return cachedInventory(azure, { clock: systemClock, directory, scope, ttl: config.inventoryTtl, renew, warn, trace });
}

async function azureSettingsOf(request: AccessRequest, world: World): Promise<AzureSettings> {
  const { config, progress, aside, trace } = request;
  const { settleAzure } = await import('./inventory/azure/settle.ts');
  return { ...(await settleAzure(config, world.process.env, world.home)), clock: world.clock, progress, aside, trace };
}

/** After a change nothing that was remembered holds. */
function powerOf(request: AccessRequest, world: World): VmPower {
  const { config } = request;
  let made: Promise<VmPower> | undefined;
  const power = async (verb: string, { vm }: NamedVm) => {
    if (!isAzureVm(vm))
      throw new AppError('usage', `"${vm.name}" comes from an inventory file; azlin can ${verb} VMs of Azure only`);
    made ??= azurePowerOf(request, world);
    return made;
  };
  const change = async (verb: 'start' | 'stop', named: NamedVm, signal: AbortSignal) => {
    const azure = await power(verb, named);
    try {
      await azure[verb](named, signal);
    } finally {
      await forgetInventories(join(config.home, 'cache'), systemClock);
    }
  };
  return {
    start: (named, signal) => change('start', named, signal),
    stop: (named, signal) => change('stop', named, signal),
    look: async (named, signal) => (await power('look at', named)).look(named, signal),
  };
}

async function azurePowerOf(request: AccessRequest, world: World): Promise<VmPower> {
  const { azurePower } = await import('./inventory/azure/azure-power.ts');
  // What is being waited for is said by whoever wants the VM.
  const settings = { ...(await azureSettingsOf(request, world)), progress: () => {} };
  return azurePower(settings, request.config.powerDeadline);
}
