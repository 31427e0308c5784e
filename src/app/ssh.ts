import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { AccessRequest } from '../cli/app.ts';
import type { Clock, PausableClock } from '../domain/clock.ts';
import type { Inventory } from '../inventory/inventory.ts';
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
  /** Undefined where nobody can be asked. */
  readonly questions: Questions | undefined;
  readonly inventory: Inventory;
}

export interface Questions {
  passphrase(question: string): Promise<string>;
  confirm(question: string): Promise<boolean>;
}

export interface SshParts {
  readonly choice: LoginChoice;
  readonly hostKeys: KnownHosts;
  readonly transport: Transport;
}

/** The SSH side of the program. What needs ssh2 is loaded when the first VM is connected to: not every command does. */
export async function sshOf(request: AccessRequest, around: SshSurroundings): Promise<SshParts> {
  const { config, warn, trace } = request;
  const { environment, clock, wallClock, questions, inventory } = around;
  const choice = await choiceOf(request, around);
  const hostKeys = knownHosts({
    path: environment['AZLIN_KNOWN_HOSTS'] || join(config.home, 'known_hosts'),
    weakestRsa: config.weakestRsa,
    ask: questions?.confirm,
    trace,
  });
  const load = async (): Promise<Dialer> => {
    const { ssh2Dialer } = await import('../transport/ssh2/ssh2-transport.ts');
    return ssh2Dialer({
      ...{ clock, wallClock, warn, trace },
      knownHosts: hostKeys,
      endpointOfHop: hopEndpoints({ inventory, choice, isKnownHost: hostKeys.isPinned }),
      shell: environment['SHELL'] || '/bin/sh',
      askPassphrase: questions?.passphrase,
      weakest: { kex: config.weakestKex, cipher: config.weakestCipher, mac: config.weakestMac },
    });
  };
  let loaded: Promise<Dialer> | undefined;
  const dialer = () => {
    loaded ??= load();
    return loaded;
  };
  const transport = sharedTransport({
    dial: async (endpoint, signal, onStep) => (await dialer()).dial(endpoint, signal, onStep),
    identitiesFor: async (endpoint) => (await dialer()).identitiesFor(endpoint),
    knock: async (endpoint, signal) => (await dialer()).knock(endpoint, signal),
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
  return {
    flagUser: user,
    flagPort: port,
    settingsUser: config.sshUser,
    settingsPort: config.sshPort,
    ...{ identities, hostKeys, connectTimeout, keepalive, forwardAgent },
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
