import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../domain/clock.ts';
import type { ChangePower } from './arm-operations.ts';
import type { DemoSubscription, DemoVm } from './arm-resources.ts';
import type { BastionDouble } from './bastion-double.ts';
import { loopbackCertificate } from './certificate.ts';
import { type LocalResourceManager, startResourceManager } from './local-arm.ts';
import type { ServicePrincipal } from './local-authority.ts';
import { type DemoNetworks, hiddenAddress, type NetworkRequest, networkIdOf, startNetworks } from './networks.ts';
import { removeFolder } from './remove-folder.ts';
import { runCommand } from './run-command.ts';
import { daemonEnd, writeSurroundings } from './surroundings.ts';
import type { Tools } from './tools.ts';
import { type EntraVm, loginLines, READY, startUserAuthority } from './user-authority.ts';
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
  /** VMs that only the Resource Manager knows, by the id of their subscription. */
  readonly phantoms?: Readonly<Record<string, readonly DemoVm[]>>;
  /** Resources per page of a list; by default 2, so that there are pages to follow. */
  readonly pageSize?: number;
  readonly networks?: readonly NetworkRequest[];
}

/** A machine of the fleet; `stopped` ones are known to Azure only. */
export interface DemoMachine
  extends Partial<Pick<MachineRequest, 'sshdConfig' | 'environment' | 'bashrc' | 'hostKeyType'>> {
  readonly name: string;
  readonly sessions: readonly string[];
  /** Its folder, if its name is not unique. */
  readonly directory?: string;
  /** The id of its subscription; by default the one that `az` has set. */
  readonly subscription?: string;
  readonly resourceGroup?: string;
  /** The resource group of its interface and its public address. */
  readonly networkGroup?: string;
  readonly stopped?: boolean;
  readonly privateOnly?: boolean;
  /** The name of its virtual network. If it is private, too, only a Bastion leads there. */
  readonly network?: string;
  /** It accepts certificates of Entra ID instead of keys. */
  readonly entra?: EntraVm;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface DemoFleet {
  readonly directory: string;
  readonly machines: ReadonlyMap<string, Machine>;
  readonly resourceManager: LocalResourceManager;
  /** By their names. */
  readonly bastions: ReadonlyMap<string, BastionDouble>;
  /** The environment in which `azlin` uses this fleet. Only settings differ from the usual one. */
  readonly environment: Readonly<Record<string, string>>;
  /** The private key that may log in. */
  readonly identity: string;
  /** Ends everything and removes every file, at once; can be called again. */
  close(): void;
}

export const DEMO_SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
/** A subscription that this sign-in may not read. */
export const CLOSED_SUBSCRIPTION = '99999999-2222-3333-4444-555555555555';

/** The fleet that the documentation uses. */
const DEMO_MACHINES: readonly DemoMachine[] = [
  { name: 'myvm', sessions: ['main', 'dev', 'staging'], tags: { env: 'dev' } },
  { name: 'prodvm', sessions: ['main', 'api'], resourceGroup: 'rg-prod', tags: { env: 'prod' } },
  { name: 'shared-vm', sessions: [], tags: { env: 'dev' }, privateOnly: true },
  { name: 'testvm', sessions: [], tags: { env: 'test' } },
  { name: 'oldvm', sessions: [], stopped: true },
  { name: 'private-vm', sessions: [], tags: { env: 'test' }, privateOnly: true, network: 'demo' },
  { name: 'entra-vm', sessions: [], tags: { env: 'test' }, entra: READY },
];
const DEMO_NETWORKS: readonly NetworkRequest[] = [{ name: 'demo', bastion: { name: 'demo-bastion' } }];

/** Starts real sshds with real tmux servers, and a Resource Manager that knows them. */
export async function startDemoFleet(request: DemoFleetRequest): Promise<DemoFleet> {
  const { clock, tools } = request;
  const usual = { machines: DEMO_MACHINES, networks: DEMO_NETWORKS };
  const { machines = [], networks: wanted = [] } = request.machines ? request : usual;
  const directory = await mkdtemp(join(shortFolder(request.environment), 'azlin-demo-'));
  const started = new Map<string, Machine>();
  let networks: DemoNetworks | undefined;
  let resourceManager: LocalResourceManager | undefined;
  let isClosed = false;
  let endDaemon = () => {};
  const close = () => {
    isClosed = true;
    endDaemon();
    for (const machine of started.values()) machine.stop();
    networks?.close();
    resourceManager?.close();
    removeFolder(directory);
  };
  try {
    const identity = join(directory, 'id_ed25519');
    await run(tools.sshKeygen, ['-q', '-t', 'ed25519', '-N', '', '-C', 'azlin demo', '-f', identity]);
    const publicKey = await readFile(`${identity}.pub`, 'utf8');
    const userAuthority = await startUserAuthority(tools.sshKeygen, directory);
    const start = async (machine: DemoMachine, index: number, sessions = machine.sessions) => {
      const folder = folderOf(machine);
      const place = { directory: join(directory, folder), address: loopbackAddress(index) };
      const authorizedKeys = machine.entra ? '' : publicKey;
      const sshdConfig = [...(machine.sshdConfig ?? []), ...loginLines(machine.entra, userAuthority)];
      const running = await startMachine({ ...machine, ...place, sessions, authorizedKeys, sshdConfig, tools });
      started.set(folder, running);
      // `close` may have run while it was starting, and missed it.
      if (isClosed) running.stop();
    };
    const starts = await Promise.allSettled(
      machines.map(async (machine, index) => {
        if (!machine.stopped) await start(machine, index);
      }),
    );
    // Not before all have settled: a machine that is still starting could not be stopped.
    for (const one of starts) if (one.status === 'rejected') throw one.reason;
    const describe = (machine: DemoMachine, index: number) => vmOf(machine, index, started.get(folderOf(machine)));
    const changePower: ChangePower = async (verb, { vmId }) => {
      const index = indexIn(machines, vmId);
      const machine = machines[index] as DemoMachine;
      const running = started.get(folderOf(machine));
      // As on any machine, what ran before the stop is gone. Starting one that runs changes nothing.
      if (verb === 'start' && !running) await start(machine, index, []);
      if (verb !== 'start' && running) {
        running.stop();
        started.delete(folderOf(machine));
      }
      if (verb === 'restart') await start(machine, index, []);
      return describe(machine, index);
    };
    const { key, certificate } = await loopbackCertificate(clock.now());
    const token = 'demo-token';
    const { principals = [], phantoms = {}, pageSize = 2 } = request;
    const vms = () => vmsOf({ machines, describe, started, phantoms });
    networks = await startNetworks({ key, certificate, token, vms, networks: wanted });
    const { of, bastions } = networks;
    const subscriptions = subscriptionsOf(machines, describe, phantoms).map((one) => ({
      ...one,
      networks: of(one.id),
    }));
    const runThere = ({ vmId }: DemoVm, script: string) =>
      runCommand(join(directory, folderOf(machines[indexIn(machines, vmId)] as DemoMachine)), script);
    const server = {
      ...{ clock, subscriptions, token, key, certificate, pageSize, changePower, principals, userAuthority },
      runCommand: runThere,
    };
    resourceManager = await startResourceManager(server);
    const environment = await writeSurroundings({
      environment: request.environment,
      cli: request.cli,
      active: DEMO_SUBSCRIPTION,
      directory,
      certificate,
      token,
      identity,
      subscriptions,
      url: resourceManager.url,
      certifies: { sshKeygen: tools.sshKeygen, authority: userAuthority.path },
    });
    endDaemon = daemonEnd(request.cli, environment);
    return { directory, machines: started, resourceManager, bastions, environment, identity, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The folder for temporary files, unless its path is long, as on macOS: the path of a socket in it has a limit of about 100 bytes. */
function shortFolder({ TMPDIR }: Environment): string {
  return TMPDIR && TMPDIR.length <= 24 ? TMPDIR : '/tmp';
}

/** On Linux every VM has its own loopback address; macOS has only one. */
function loopbackAddress(index: number): string {
  return process.platform === 'linux' ? `127.20.0.${index + 4}` : '127.0.0.1';
}

interface AllVms extends Required<Pick<DemoFleetRequest, 'machines' | 'phantoms'>> {
  readonly describe: (machine: DemoMachine, index: number) => DemoVm;
  readonly started: ReadonlyMap<string, Machine>;
}

/** All VMs, each with its subscription and its machine. Those that only the Resource Manager knows share one. */
function vmsOf({ machines, phantoms, describe, started }: AllVms) {
  const [shared] = started.values();
  return [
    ...machines.map((one, at) => [one.subscription, describe(one, at), started.get(folderOf(one))] as const),
    ...Object.entries(phantoms).flatMap(([id, vms]) => vms.map((vm) => [id, vm, shared] as const)),
  ];
}

const indexIn = (machines: readonly DemoMachine[], vmId: string) => machines.findIndex((_, at) => vmIdOf(at) === vmId);
const folderOf = ({ directory, name }: DemoMachine) => directory ?? name;
const vmIdOf = (index: number) => `a0000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;

function subscriptionsOf(
  machines: readonly DemoMachine[],
  describe: (machine: DemoMachine, index: number) => DemoVm,
  phantoms: Readonly<Record<string, readonly DemoVm[]>>,
): readonly DemoSubscription[] {
  const byId = new Map<string, DemoVm[]>([[DEMO_SUBSCRIPTION, []]]);
  for (const [index, machine] of machines.entries()) {
    const { subscription = DEMO_SUBSCRIPTION } = machine;
    byId.set(subscription, [...(byId.get(subscription) ?? []), describe(machine, index)]);
  }
  for (const [id, vms] of Object.entries(phantoms)) byId.set(id, [...(byId.get(id) ?? []), ...vms]);
  const open = [...byId].map(([id, vms], at) => ({ id, name: at === 0 ? 'azlin demo' : `azlin demo ${at + 1}`, vms }));
  return [...open, { id: CLOSED_SUBSCRIPTION, name: 'azlin demo closed', vms: [], closed: true }];
}

function vmOf(
  { name, resourceGroup = 'rg-demo', networkGroup, privateOnly, network, subscription, entra, tags }: DemoMachine,
  index: number,
  machine: Machine | undefined,
): DemoVm {
  return {
    name,
    resourceGroup,
    ...(networkGroup === undefined ? {} : { networkGroup }),
    ...(network === undefined ? {} : { network: networkIdOf(subscription ?? DEMO_SUBSCRIPTION, network) }),
    vmId: vmIdOf(index),
    ...(entra ? { entra } : {}),
    size: 'Standard_D2s_v5',
    powerState: machine ? 'running' : 'deallocated',
    adminUser: machine?.user ?? 'azureuser',
    publicIp: privateOnly ? null : (machine?.address ?? 'unassigned'),
    // Always loopback: a VM of the demo must never be looked for on a real network.
    privateIp:
      network !== undefined && privateOnly ? hiddenAddress(index) : (machine?.address ?? loopbackAddress(index)),
    tags: { ...(machine ? { 'azlin-ssh-port': String(machine.port) } : {}), ...tags },
  };
}
