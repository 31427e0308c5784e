import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../domain/clock.ts';
import type { ChangePower } from './arm-operations.ts';
import type { DemoSubscription, DemoVm } from './arm-resources.ts';
import { loopbackCertificate } from './certificate.ts';
import { type LocalResourceManager, startResourceManager } from './local-arm.ts';
import type { ServicePrincipal } from './local-authority.ts';
import type { Tools } from './tools.ts';
import { type Machine, type MachineRequest, startMachine } from './virtual-machine.ts';

const run = promisify(execFile);

type Environment = Readonly<Record<string, string | undefined>>;

export interface DemoFleetRequest {
  readonly clock: Clock;
  readonly tools: Tools;
  /** The environment to build on. */
  readonly environment: Environment;
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  readonly machines?: readonly DemoMachine[];
  /** Who may sign in besides the `az` of the demo. */
  readonly principals?: readonly ServicePrincipal[];
}

/** A machine of the fleet; `stopped` ones are known to Azure only. */
export interface DemoMachine
  extends Partial<Pick<MachineRequest, 'sshdConfig' | 'environment' | 'bashrc' | 'hostKeyType'>> {
  readonly name: string;
  readonly sessions: readonly string[];
  /** Its folder, where its name is not unique. */
  readonly directory?: string;
  /** The id of its subscription; the one that `az` has set where nothing is said. */
  readonly subscription?: string;
  readonly resourceGroup?: string;
  readonly stopped?: boolean;
  readonly privateOnly?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface DemoFleet {
  readonly directory: string;
  readonly machines: ReadonlyMap<string, Machine>;
  readonly resourceManager: LocalResourceManager;
  /** The environment in which `azlin` means this fleet. It differs from the usual one by settings only. */
  readonly environment: Readonly<Record<string, string>>;
  /** The private key that may log in. */
  readonly identity: string;
  /** Ends everything and removes every file, at once; can be called again. */
  close(): void;
}

export const DEMO_SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
/** One that this sign-in may not look into. */
export const CLOSED_SUBSCRIPTION = '99999999-2222-3333-4444-555555555555';

/** The fleet that the documentation speaks of. */
export const DEMO_MACHINES: readonly DemoMachine[] = [
  { name: 'myvm', sessions: ['main', 'dev', 'staging'], tags: { env: 'dev' } },
  { name: 'prodvm', sessions: ['main', 'api'], resourceGroup: 'rg-prod', tags: { env: 'prod' } },
  { name: 'shared-vm', sessions: [], tags: { env: 'dev' }, privateOnly: true },
  { name: 'testvm', sessions: [], tags: { env: 'test' } },
  { name: 'oldvm', sessions: [], stopped: true },
];

/** Starts real sshds with real tmux servers, and a Resource Manager that knows them. */
export async function startDemoFleet(request: DemoFleetRequest): Promise<DemoFleet> {
  const { clock, tools, machines = DEMO_MACHINES } = request;
  const directory = await mkdtemp(join(shortFolder(request.environment), 'azlin-demo-'));
  const started = new Map<string, Machine>();
  let resourceManager: LocalResourceManager | undefined;
  let isClosed = false;
  const close = () => {
    isClosed = true;
    for (const machine of started.values()) machine.stop();
    resourceManager?.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const identity = join(directory, 'id_ed25519');
    await run(tools.sshKeygen, ['-q', '-t', 'ed25519', '-N', '', '-C', 'azlin demo', '-f', identity]);
    const authorizedKeys = await readFile(`${identity}.pub`, 'utf8');
    const start = async (machine: DemoMachine, index: number, sessions = machine.sessions) => {
      const folder = folderOf(machine);
      const place = { directory: join(directory, folder), address: loopbackAddress(index) };
      const running = await startMachine({ ...machine, ...place, sessions, authorizedKeys, tools });
      started.set(folder, running);
      // It may have come too late for `close`.
      if (isClosed) running.stop();
    };
    const starts = await Promise.allSettled(
      machines.map(async (machine, index) => {
        if (!machine.stopped) await start(machine, index);
      }),
    );
    // Only now: one that is still starting could not be ended.
    for (const one of starts) if (one.status === 'rejected') throw one.reason;
    const describe = (machine: DemoMachine, index: number) => vmOf(machine, index, started.get(folderOf(machine)));
    const changePower: ChangePower = async (verb, { vmId }) => {
      const index = machines.findIndex((_, at) => vmIdOf(at) === vmId);
      const machine = machines[index] as DemoMachine;
      const running = started.get(folderOf(machine));
      // As on any machine, what ran before is gone; to start one that runs changes nothing.
      if (verb === 'start' && !running) await start(machine, index, []);
      if (verb === 'deallocate' && running) {
        running.stop();
        started.delete(folderOf(machine));
      }
      return describe(machine, index);
    };
    const { key, certificate } = await loopbackCertificate(clock.now());
    const token = 'demo-token';
    const subscriptions = subscriptionsOf(machines, describe);
    const { principals = [] } = request;
    const server = { clock, subscriptions, token, key, certificate, pageSize: 2, changePower, principals };
    resourceManager = await startResourceManager(server);
    const environment = await writeSurroundings({
      ...request,
      directory,
      certificate,
      token,
      identity,
      subscriptions,
      url: resourceManager.url,
    });
    return { directory, machines: started, resourceManager, environment, identity, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The folder for temporary files, unless its path is long, as on macOS: that of a socket in it has room for about 100 bytes. */
function shortFolder({ TMPDIR }: Environment): string {
  return TMPDIR && TMPDIR.length <= 24 ? TMPDIR : '/tmp';
}

/** On Linux every VM has an address of its own; macOS has only the one. */
function loopbackAddress(index: number): string {
  return process.platform === 'linux' ? `127.20.0.${index + 4}` : '127.0.0.1';
}

const folderOf = ({ directory, name }: DemoMachine) => directory ?? name;
const vmIdOf = (index: number) => `a0000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;

function subscriptionsOf(
  machines: readonly DemoMachine[],
  describe: (machine: DemoMachine, index: number) => DemoVm,
): readonly DemoSubscription[] {
  const byId = new Map<string, DemoVm[]>([[DEMO_SUBSCRIPTION, []]]);
  for (const [index, machine] of machines.entries()) {
    const { subscription = DEMO_SUBSCRIPTION } = machine;
    byId.set(subscription, [...(byId.get(subscription) ?? []), describe(machine, index)]);
  }
  const open = [...byId].map(([id, vms], at) => ({ id, name: at === 0 ? 'azlin demo' : `azlin demo ${at + 1}`, vms }));
  return [...open, { id: CLOSED_SUBSCRIPTION, name: 'azlin demo closed', vms: [], closed: true }];
}

function vmOf(
  { name, resourceGroup = 'rg-demo', privateOnly, tags }: DemoMachine,
  index: number,
  machine: Machine | undefined,
): DemoVm {
  return {
    name,
    resourceGroup,
    vmId: vmIdOf(index),
    size: 'Standard_D2s_v5',
    powerState: machine ? 'running' : 'deallocated',
    adminUser: machine?.user ?? 'azureuser',
    publicIp: privateOnly ? null : (machine?.address ?? 'unassigned'),
    // Nobody's address: a VM of the demo must never be looked for on somebody's network.
    privateIp: machine?.address ?? loopbackAddress(index),
    tags: { ...(machine ? { 'azlin-ssh-port': String(machine.port) } : {}), ...tags },
  };
}

interface Surroundings extends DemoFleetRequest {
  readonly directory: string;
  readonly certificate: string;
  readonly token: string;
  readonly identity: string;
  readonly subscriptions: readonly DemoSubscription[];
  readonly url: string;
}

/** What a user of Azure has on the machine: `az` signed in, an active subscription, a key, and azlin on PATH. */
async function writeSurroundings({
  directory,
  certificate,
  token,
  identity,
  subscriptions,
  url,
  cli,
  environment,
}: Surroundings): Promise<Readonly<Record<string, string>>> {
  const at = (...parts: string[]) => join(directory, ...parts);
  await Promise.all([mkdir(at('bin')), mkdir(at('azure')), mkdir(at('azlin'), { mode: 0o700 })]);
  await writeFile(at('ca.pem'), certificate);
  const known = subscriptions.map(({ id, name }) => ({ id, name, isDefault: id === DEMO_SUBSCRIPTION }));
  const profile = { subscriptions: known };
  // With the byte order mark that az writes.
  await writeFile(at('azure', 'azureProfile.json'), `\ufeff${JSON.stringify(profile)}`);
  const reply = {
    accessToken: token,
    expiresOn: '2099-01-01 00:00:00.000000',
    expires_on: 4_070_908_800,
    tokenType: 'Bearer',
  };
  await writeProgram(
    at('bin', 'az'),
    `[ "$1 $2" = 'account get-access-token' ] || { echo 'the az of the azlin demo only gives tokens' >&2; exit 2; }\necho '${JSON.stringify(reply)}'`,
  );
  await writeProgram(
    at('bin', 'azlin'),
    `exec ${cli.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')} "$@"`,
  );
  return {
    ...withoutSettings(environment),
    PATH: `${at('bin')}${delimiter}${environment['PATH'] ?? ''}`,
    AZLIN_HOME: at('azlin'),
    AZLIN_ARM_ENDPOINT: url,
    AZLIN_IDENTITY: identity,
    AZURE_CONFIG_DIR: at('azure'),
    NODE_EXTRA_CA_CERTS: at('ca.pem'),
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
  };
}

async function writeProgram(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}

/** The user's own settings, sign-ins and agent must not reach into the demo. */
function withoutSettings(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && !/^(AZURE_|AZLIN_|ARM_|SSH_AUTH_SOCK$|TMUX)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
