import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { noteThere } from '../daemon/control.ts';
import type { Door } from '../daemon/door.ts';
import type { Caller } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import { isAzureVm } from '../domain/vm.ts';
import type { HostKeySource } from '../inventory/azure/azure-host-keys.ts';
import type { BastionAccess } from '../inventory/azure/bastion/bastion-access.ts';
import { azureProfile } from '../inventory/azure/scope.ts';
import { type AccountOf, accountsOf } from '../inventory/azure/sign-in/accounts.ts';
import { forgetInventories } from '../inventory/cached-inventory.ts';
import type { NamedVm, PowerVerb, VmPower } from '../inventory/vm-power.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { HistoryNotes } from '../operations/access/history-notes.ts';
import { type AccessParts, makeAccess } from '../operations/access/make-access.ts';
import { shellFile } from '../remote/shell-files.ts';
import type { Config } from '../settings/config.ts';
import type { EntraSettings } from '../transport/identities/entra.ts';
import type { Transport } from '../transport/transport.ts';
import { daemonControl, doorOf } from './daemon-client.ts';
import type { InDaemon } from './in-daemon.ts';
import { azureSettingsOf, inventoryOf, type Place } from './inventory.ts';
import type { ClosableKeeper } from './registry/history-keeper.ts';
import { placeOfRegistry } from './registry/registry-place.ts';
import { localUser, sshOf } from './ssh.ts';

/** What access to the fleet needs from this machine. */
export interface World extends Place {
  readonly uid: number | undefined;
  /** The file that azlin's daemon is started from; undefined where none is used. */
  readonly daemonProgram: string | undefined;
  readonly inDaemon: InDaemon | undefined;
}

export interface Access {
  readonly access: FleetAccess;
  readonly transport: Transport;
  /** Ends connections, and writes what is still to be written; `warn` is told what is lost. */
  close(warn: (line: string) => void): Promise<void>;
}

/** Access to the fleet that the settings describe. This does not connect to anything yet. */
export async function accessOf(request: AccessRequest, world: World): Promise<Access> {
  const { config } = request;
  const { environment, clock, wallClock } = world;
  const inventory = inventoryOf(request, world);
  const door = doorOf(config, world);
  const { transport, hostKeys, choice, known, proven } = await sshOf(request, {
    ...world,
    ...{ inventory, door },
    bastions: () => bastionAccessOf(request, world),
    entra: once(() => entraOf(request, world)),
    accounts: () => accountsIn(request, world),
    hostKeySource: once(() => hostKeySourceOf(request, world)),
  });
  const notes = historyNotes(request, world, door);
  const access = makeAccess({
    clock,
    now: wallClock.now,
    inventory,
    power: powerOf(request, world),
    transport,
    hostKeys: { ...hostKeys, ofAzure: proven.keysOf },
    history: notes,
    choice,
    known,
    settings: { ...settingsOf(config, environment), mayMove: world.inDaemon !== undefined },
  });
  const close: Access['close'] = async (warn) => {
    transport.close();
    await notes.close(warn);
  };
  return { access, transport, close };
}

interface OwnNotes extends HistoryNotes {
  /** Writes what still waits. `warn` is told what is lost. */
  close(warn: (line: string) => void): Promise<void>;
}

/** The daemon keeps the history; where the settings want none, nobody does. What it does not take, because it is stuck or could not be started, is written here. */
function historyNotes({ config, isAlone }: AccessRequest, world: World, door: Door | undefined): OwnNotes {
  const place = placeOfRegistry(config);
  const { wallClock: clock, environment } = world;
  const said: string[] = [];
  let own: Promise<ClosableKeeper> | undefined;
  const open = async () => {
    const { historyKeeper } = await import('./registry/history-keeper.ts');
    const log = (line: string) => void said.push(line);
    return historyKeeper({ clock, seenBy: defaultLabel(environment), log, hasHome: () => true });
  };
  return {
    async note(note) {
      if (world.inDaemon) return world.inDaemon.line.history.note(place, note);
      if (!door || isAlone) return;
      // The daemon may have taken it, and ended before it could say so.
      const keyed = { ...note, key: randomUUID() };
      if (await noteThere(door, place, keyed)) return;
      own ??= open();
      (await own).note(place, keyed);
    },
    async close(warn) {
      await (await own)?.close();
      for (const line of said) warn(line);
    },
  };
}

function settingsOf(config: Config, environment: NodeJS.ProcessEnv): Omit<AccessParts['settings'], 'mayMove'> {
  const { home, defaultSession, commandDeadline, startDeadline, reconnectDeadline } = config;
  const { resolveDeadline, sessionsTtl, killAfter } = config;
  return {
    ...{ home, defaultSession, commandDeadline, startDeadline, reconnectDeadline, resolveDeadline, sessionsTtl },
    killAfter,
    lags: config.inventory === 'resource-graph',
    label: config.label ?? defaultLabel(environment),
  };
}

/** How others on a shared VM see the user, unless the settings give a label. */
function defaultLabel(environment: NodeJS.ProcessEnv): string {
  return `${localUser(environment)}@${hostname()}`;
}

/** Starts, stops and restarts VMs. Each change drops the cached inventories, which are out of date after it. */
function powerOf(request: AccessRequest, world: World): VmPower {
  const { config } = request;
  let made: Promise<VmPower> | undefined;
  const power = async (verb: string, { vm }: NamedVm) => {
    world.inDaemon?.notHere('Azure is asked');
    if (!isAzureVm(vm))
      throw new AppError('usage', `"${vm.name}" comes from an inventory file; azlin can only ${verb} VMs in Azure`);
    made ??= azurePowerOf(request, world);
    return made;
  };
  const change = async (verb: PowerVerb, named: NamedVm, caller: Caller) => {
    const azure = await power(verb, named);
    try {
      await azure[verb](named, caller);
    } finally {
      await forgetInventories(join(config.home, 'cache'), world.wallClock);
      // A VM that has stopped does not say so to those who are connected to it.
      if (verb !== 'start') await daemonControl(config, world).drop([named.vm.vmId]);
    }
  };
  return {
    start: (named, caller) => change('start', named, caller),
    stop: (named, caller) => change('stop', named, caller),
    restart: (named, caller) => change('restart', named, caller),
    look: async (named, caller) => (await power('look up', named)).look(named, caller),
  };
}

async function bastionAccessOf(request: AccessRequest, world: World): Promise<BastionAccess> {
  world.inDaemon?.notHere('Azure is asked');
  const { bastionAccess } = await import('../inventory/azure/bastion/bastion-access.ts');
  const { home, inventoryTtl: ttl } = request.config;
  return bastionAccess(await azureSettingsOf(request, world), { directory: join(home, 'cache'), ttl });
}

/** Makes it once; after a failure, again when it is next wanted. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

async function hostKeySourceOf(request: AccessRequest, world: World): Promise<HostKeySource> {
  world.inDaemon?.notHere('Azure is asked');
  const { azureHostKeys } = await import('../inventory/azure/azure-host-keys.ts');
  return azureHostKeys(await azureSettingsOf(request, world), shellFile('host-keys'));
}

async function entraOf(request: AccessRequest, world: World): Promise<Pick<EntraSettings, 'issue' | 'refusal'>> {
  world.inDaemon?.notHere('Azure is asked');
  const { certifyWithEntra } = await import('../inventory/azure/sign-in/ssh-certificate.ts');
  const { entraRefusals } = await import('../inventory/azure/entra-refusal.ts');
  const { environment } = world;
  const settings = await azureSettingsOf(request, world, true);
  return {
    issue: certifyWithEntra({ ...settings, environment, profile: () => profileIn(world) }),
    refusal: entraRefusals(settings),
  };
}

/** What `az` remembers now. */
const profileIn = ({ environment, home }: World) =>
  azureProfile(environment['AZURE_CONFIG_DIR'] || join(home, '.azure'));

async function accountsIn({ config }: AccessRequest, world: World): Promise<AccountOf> {
  const profile = await profileIn(world);
  const { environment } = world;
  return accountsOf({ environment, profile, only: config.credential === 'any' ? undefined : config.credential });
}

async function azurePowerOf(request: AccessRequest, world: World): Promise<VmPower> {
  const { azurePower } = await import('../inventory/azure/azure-power.ts');
  return azurePower(await azureSettingsOf(request, world), request.config.powerDeadline);
}
