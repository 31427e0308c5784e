import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { knownThere } from '../daemon/control.ts';
import { daemonTransport } from '../daemon/daemon-transport.ts';
import type { Door } from '../daemon/door.ts';
import { heldTransport } from '../daemon/held-transport.ts';
import type { Clock, PausableClock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { isThrough } from '../domain/route.ts';
import type { HostKeySource } from '../inventory/azure/azure-host-keys.ts';
import type { BastionAccess } from '../inventory/azure/bastion/bastion-access.ts';
import type { AccountOf } from '../inventory/azure/sign-in/accounts.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { Config } from '../settings/config.ts';
import { hopEndpoints } from '../targets/hop.ts';
import type { KnownSessions } from '../targets/survey.ts';
import { bastionPlaces } from '../transport/bastion/bastion-places.ts';
import type { LoginChoice } from '../transport/endpoint.ts';
import { type KnownHosts, knownHosts } from '../transport/host-keys/known-hosts.ts';
import { type ProvenHosts, provenHosts, provenTransport } from '../transport/host-keys/proven-hosts.ts';
import { type EntraSettings, entraCertificates } from '../transport/identities/entra.ts';
import { sharedTransport } from '../transport/shared-transport.ts';
import type { SshConfig } from '../transport/ssh-config/ssh-config.ts';
import type { Dialer, Transport } from '../transport/transport.ts';
import { bastionGate } from './bastion-gate.ts';
import type { InDaemon } from './in-daemon.ts';
import { isOfAzure } from './inventory.ts';
import { placeOfRegistry } from './registry/registry-place.ts';
import { answerSignedIn } from './signed-in.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface SshSurroundings {
  readonly environment: Environment;
  readonly home: string;
  readonly uid: number | undefined;
  readonly clock: PausableClock;
  /** A clock that keeps running while `clock` stands still. */
  readonly wallClock: Clock;
  readonly inventory: Inventory;
  readonly bastions: () => Promise<BastionAccess>;
  /** Asks Entra ID for certificates, and Azure why one was refused. */
  readonly entra: () => Promise<Pick<EntraSettings, 'issue' | 'refusal'>>;
  /** Who has signed in to Azure, as the environment and az say. */
  readonly accounts: () => Promise<AccountOf>;
  /** Asks Azure for the host keys of a VM. */
  readonly hostKeySource: () => Promise<HostKeySource>;
  /** The way to azlin's daemon; undefined where the settings want none. */
  readonly door: Door | undefined;
  readonly inDaemon: InDaemon | undefined;
}

export interface SshParts {
  readonly choice: LoginChoice;
  readonly hostKeys: KnownHosts;
  readonly transport: Transport;
  readonly known: KnownSessions;
  readonly proven: ProvenHosts;
}

/** The SSH side of the program. ssh2 is loaded for the first connection: not every command makes one. */
export async function sshOf(request: AccessRequest, around: SshSurroundings): Promise<SshParts> {
  const { config } = request;
  const { environment, clock, wallClock, inventory, door } = around;
  const choice = await choiceOf(request, around);
  const path = environment['AZLIN_KNOWN_HOSTS'] || join(config.home, 'known_hosts');
  const hostKeys = knownHosts({ path });
  const proven = provenHosts({
    hostKeys,
    ask: async (id, label, caller) => (await around.hostKeySource()).keysOf(id, label, caller),
  });
  const placeOfHop = hopEndpoints({ inventory, choice, isKnownHost: hostKeys.isPinned });
  const endpointOfHop: typeof placeOfHop = async (hop, inFleet, caller) => {
    const place = await placeOfHop(hop, inFleet, caller);
    await proven.prove(place, caller);
    return place;
  };
  const places = bastionPlaces(wallClock, (bastion) => direct.closeIdle(({ route }) => isThrough(route, bastion)));
  const bastions = bastionGate(around.bastions, environment, places);
  const certificates = entraCertificates({
    clock: wallClock,
    issue: async (...asked) => (await around.entra()).issue(...asked),
    refusal: async (...asked) => (await around.entra()).refusal(...asked),
  });
  const load = async (): Promise<Dialer> => {
    const { ssh2Dialer } = await import('../transport/ssh2/ssh2-transport.ts');
    return ssh2Dialer({
      ...{ clock, wallClock },
      knownHosts: hostKeys,
      cacheDirectory: join(config.home, 'cache'),
      ...{ endpointOfHop, bastions, certificates },
      shell: environment['SHELL'] || '/bin/sh',
    });
  };
  let loaded: Promise<Dialer> | undefined;
  const dialer = () => {
    loaded ??= load();
    return loaded;
  };
  const direct = sharedTransport({
    dial: async (endpoint, caller, onStep) => (await dialer()).dial(endpoint, caller, onStep),
    begin: async (endpoint, caller, onStep) => (await dialer()).begin(endpoint, caller, onStep),
    identitiesFor: async (endpoint, caller) => (await dialer()).identitiesFor(endpoint, caller),
    knock: async (endpoint, caller) => (await dialer()).knock(endpoint, caller),
    close: () => void loaded?.then(({ close }) => close()),
  });
  const { persist, watch } = config;
  const shared = {
    direct,
    endpointOfHop,
    bastions,
    environment,
    knownHosts: path,
    settings: config.file.path,
    persist,
    watch,
    history: placeOfRegistry(config),
  };
  const own = { choice, hostKeys, proven };
  if (around.inDaemon) {
    const { line, notHere } = around.inDaemon;
    if (persist === 0) notHere('daemon.persist is 0');
    const transport = provenTransport(heldTransport(line, shared), proven);
    return { ...own, transport, known: async (keys) => line.knowledge.of(keys) };
  }
  if (!door) return { ...own, transport: provenTransport(direct, proven), known: async () => new Map() };
  const transport = request.isAlone
    ? direct
    : daemonTransport({ ...shared, door, answer: answerSignedIn({ bastions, certificates }) });
  return { ...own, transport: provenTransport(transport, proven), known: (keys) => knownThere(door, keys) };
}

/** What the user wants for every VM, from flags, settings and the files of ssh. */
async function choiceOf(
  { config, user, port, forwardAgent }: AccessRequest,
  { environment, home, uid, accounts }: SshSurroundings,
): Promise<LoginChoice> {
  const { identities, hostKeys, connectTimeout, keepalive, shortcuts } = config;
  const { weakestKex: kex, weakestCipher: cipher, weakestMac: mac, weakestRsa: rsa } = config;
  return {
    flagUser: user,
    flagPort: port,
    settingsUser: config.sshUser,
    settingsPort: config.sshPort,
    ...{ identities, hostKeys, connectTimeout, keepalive, shortcuts, forwardAgent, weakest: { kex, cipher, mac, rsa } },
    ...waysOf(config),
    entra: await entraOf(config, accounts),
    sshConfig: await sshConfigOf(config.sshConfig, home),
    surroundings: { home, environment, user: localUser(environment), hostname: hostname(), uid },
  };
}

async function sshConfigOf(named: string | undefined, home: string): Promise<SshConfig> {
  if (named === 'none') return { entries: [], files: [] };
  const { readSshConfig } = await import('../transport/ssh-config/ssh-config.ts');
  return readSshConfig({ named, home });
}

async function entraOf({ entra: choice, inventory, sources }: Config, accounts: SshSurroundings['accounts']) {
  // Without Azure there is no VM that it is used for by itself.
  const isOfUse = choice === 'always' || (choice === 'auto' && isOfAzure(inventory));
  return isOfUse ? { choice, isFlag: sources.entra === 'flag', accountOf: await accounts() } : undefined;
}

function waysOf({ proxyJump, jumps: rules, bastion, sources }: Config) {
  const from = <T>(value: T, source: string) => {
    const at = (...places: readonly string[]) => (places.includes(source) ? value : undefined);
    return { flag: at('flag'), environment: at('environment'), general: at('context', 'file') };
  };
  const ways = { jump: { ...from(proxyJump, sources.proxyJump), rules }, bastion: from(bastion, sources.bastion) };
  if (ways.jump.flag !== undefined && ways.bastion.flag !== undefined)
    throw new AppError('usage', 'Give --jump or --bastion, not both');
  return ways;
}

/** The name of the user who runs azlin. */
export function localUser(environment: Environment): string {
  try {
    return userInfo().username;
  } catch {
    // The user id has no name, as in some containers.
    return environment['USER'] || 'root';
  }
}
