import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Clock, PausableClock } from '../domain/clock.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { Config } from '../settings/config.ts';
import { hopEndpoints } from '../targets/hop.ts';
import type { LoginChoice } from '../transport/endpoint.ts';
import { type KnownHosts, knownHosts } from '../transport/host-keys/known-hosts.ts';
import { sharedTransport } from '../transport/shared-transport.ts';
import type { SshConfig } from '../transport/ssh-config/ssh-config.ts';
import type { Dialer, Transport } from '../transport/transport.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface SshSurroundings {
  readonly environment: Environment;
  readonly home: string;
  readonly uid: number | undefined;
  readonly clock: PausableClock;
  /** One that goes on while `clock` stands still. */
  readonly wallClock: Clock;
  readonly inventory: Inventory;
}

export interface SshParts {
  readonly choice: LoginChoice;
  readonly hostKeys: KnownHosts;
  readonly transport: Transport;
}

/** The SSH side of the program. What needs ssh2 is loaded when the first VM is connected to: not every command does. */
export async function sshOf(request: AccessRequest, around: SshSurroundings): Promise<SshParts> {
  const { config } = request;
  const { environment, clock, wallClock, inventory } = around;
  const choice = await choiceOf(request, around);
  const hostKeys = knownHosts({
    path: environment['AZLIN_KNOWN_HOSTS'] || join(config.home, 'known_hosts'),
  });
  const load = async (): Promise<Dialer> => {
    const { ssh2Dialer } = await import('../transport/ssh2/ssh2-transport.ts');
    return ssh2Dialer({
      ...{ clock, wallClock },
      knownHosts: hostKeys,
      endpointOfHop: hopEndpoints({ inventory, choice, isKnownHost: hostKeys.isPinned }),
      shell: environment['SHELL'] || '/bin/sh',
    });
  };
  let loaded: Promise<Dialer> | undefined;
  const dialer = () => {
    loaded ??= load();
    return loaded;
  };
  const transport = sharedTransport({
    dial: async (endpoint, caller, onStep) => (await dialer()).dial(endpoint, caller, onStep),
    identitiesFor: async (endpoint, caller) => (await dialer()).identitiesFor(endpoint, caller),
    knock: async (endpoint, caller) => (await dialer()).knock(endpoint, caller),
    close: () => void loaded?.then(({ close }) => close()),
  });
  return { choice, hostKeys, transport };
}

/** What the user wishes for every VM: flags, settings, and what ssh is told in its own files. */
async function choiceOf(
  { config, user, port, forwardAgent }: AccessRequest,
  { environment, home, uid }: SshSurroundings,
): Promise<LoginChoice> {
  const { identities, hostKeys, connectTimeout, keepalive } = config;
  const { weakestKex: kex, weakestCipher: cipher, weakestMac: mac, weakestRsa: rsa } = config;
  return {
    flagUser: user,
    flagPort: port,
    settingsUser: config.sshUser,
    settingsPort: config.sshPort,
    ...{ identities, hostKeys, connectTimeout, keepalive, forwardAgent, weakest: { kex, cipher, mac, rsa } },
    jump: jumpsOf(config),
    sshConfig: await sshConfigOf(config.sshConfig, home),
    surroundings: { home, environment, user: localUser(environment), hostname: hostname(), uid },
  };
}

async function sshConfigOf(named: string | undefined, home: string): Promise<SshConfig> {
  if (named === 'none') return { entries: [], files: [] };
  const { readSshConfig } = await import('../transport/ssh-config/ssh-config.ts');
  return readSshConfig({ named, home });
}

function jumpsOf({ proxyJump, jumps: rules, sources }: Config) {
  const from = (...places: readonly string[]) => (places.includes(sources.proxyJump) ? proxyJump : undefined);
  return { flag: from('flag'), environment: from('environment'), rules, general: from('context', 'file') };
}

/** Who runs this, by name. */
export function localUser(environment: Environment): string {
  try {
    return userInfo().username;
  } catch {
    // A number that no name belongs to, as in some containers.
    return environment['USER'] || 'root';
  }
}
