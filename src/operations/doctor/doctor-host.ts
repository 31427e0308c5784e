import type { Caller } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { formatDuration } from '../../domain/duration.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { describeHop, describeWay } from '../../domain/route.ts';
import { shellWord } from '../../domain/text.ts';
import { mayAnswer, tagOf, type Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import { commandScript, remoteScript } from '../../remote/remote-script.ts';
import { findVm, type VmRef } from '../../targets/find-vm.ts';
import type { HostRef } from '../../targets/identifier.ts';
import type { Endpoint } from '../../transport/endpoint.ts';
import type { Link, RemoteProcess, Step } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { type Findings, reportKeys } from './findings.ts';
import { judgeVmFacts, readVmFacts, type VmFacts } from './vm-facts.ts';

export interface HostCheck {
  readonly access: FleetAccess;
  readonly host: HostRef;
  /** As fetched a moment ago; undefined if it was not fetched, or if that failed. */
  readonly fleet: Fleet | undefined;
  readonly findings: Findings;
  readonly caller: Caller;
}

const STEPS: readonly (readonly [Step['kind'], string])[] = [
  ['reached', 'network'],
  ['answered', 'ssh server'],
  ['verified', 'host key'],
  ['signed-in', 'authentication'],
];
const ON_VM = ['shell', 'tmux', 'locale', 'lingering', 'channels'];

/** Checks everything on the way to a VM, and what azlin needs on it. */
export async function checkHost({ access, host, fleet, findings, caller }: HostCheck): Promise<void> {
  const rest = (from: string) => {
    const all = ['address', 'keys', ...STEPS.map(([, name]) => name), ...ON_VM];
    for (const name of all.slice(all.indexOf(from))) findings.skip(name, SKIPPED);
  };
  if (host.kind === 'vm' && !fleet) {
    findings.skip('vm', SKIPPED);
    return rest('address');
  }
  let endpoint: Endpoint;
  try {
    const vm = host.kind === 'vm' && fleet ? vmNamed(host, fleet) : undefined;
    if (vm) findings.ok('vm', describeVm(vm));
    endpoint = host.kind === 'vm' && vm ? access.endpoints.of(vm, host.user) : endpointAt(access, host);
    findings.ok('address', describeAddress(endpoint, vm));
    reportNotes(endpoint, findings);
    if (endpoint.unused) findings.warn('bastion', endpoint.unused.problem, endpoint.unused.cure);
  } catch (error) {
    findings.fail('vm', error);
    return rest('address');
  }
  caller.progress(`Connecting to ${endpoint.label}`);
  try {
    reportKeys(await access.transport.identitiesFor(endpoint, caller), findings);
  } catch (error) {
    findings.fail('keys', error);
    return rest('network');
  }
  const link = await connectInSteps({ access, endpoint, findings, caller });
  if (!link) return rest('shell');
  try {
    caller.progress(`Checking ${endpoint.label}`);
    if (await checkInside({ access, endpoint, findings, caller }, link))
      await checkChannels({ access, endpoint, findings, caller }, link);
    else rest('tmux');
  } finally {
    link.close();
  }
}

/** Reports SSH settings for this host that azlin does not follow. */
function reportNotes({ notes }: Endpoint, findings: Findings): void {
  if (notes.length === 0) return;
  const advice = 'docs/ssh.md lists what is supported; azlin has settings of its own for the rest';
  findings.warn('ssh settings', notes.map((note) => note.replace('ssh_config: ', '')).join('; '), advice);
}

const SKIPPED = 'not checked, because of the above';

function vmNamed(host: VmRef, fleet: Fleet): Vm {
  const vm = findVm(host, fleet, { verb: 'doctor' });
  if (vm instanceof AppError) throw vm;
  return vm;
}

function endpointAt(access: FleetAccess, host: HostRef): Endpoint {
  return access.endpoints.at(host.kind === 'address' ? host.address : host.name, host.user);
}

/** Throws `vm-not-running` for a VM that azlin cannot connect to. */
function describeVm(vm: Vm): string {
  const found = `${vm.resourceGroup}/${vm.name}, ${vm.powerState.toLowerCase()}, ${vm.size || 'size unknown'}`;
  if (mayAnswer(vm)) return found;
  const isWindows = vm.os === 'windows';
  throw new AppError('vm-not-running', isWindows ? `${vm.name} runs Windows` : found, {
    hint: isWindows ? 'azlin needs tmux, which Windows does not have' : `azlin start ${shellWord(vm.name)}`,
  });
}

function describeAddress({ user, address, port, route }: Endpoint, vm: Vm | undefined): string {
  const source = vm === undefined ? '' : sourceOf(address, vm);
  const via =
    route.kind === 'jump'
      ? `, through ${route.hops.map(describeHop).join(', then ')}`
      : route.kind === 'command'
        ? `, over ProxyCommand ${route.command}`
        : describeWay(route).replace(/^ /, ', ');
  return `${user}@${address} port ${port}${source}${via}`;
}

function sourceOf(address: string, vm: Vm): string {
  if (address === tagOf(vm, 'azlin-ssh-host')) return ' (its tag azlin-ssh-host)';
  if (address === vm.publicIp) return ' (its public address)';
  return address === vm.privateIp ? ' (its private address)' : ' (HostName of the SSH settings)';
}

interface Inside extends Pick<HostCheck, 'access' | 'findings' | 'caller'> {
  readonly endpoint: Endpoint;
}

/** Dials, and reports each step it takes; the step that fails gets the error. */
async function connectInSteps({ access, endpoint, findings, caller }: Inside): Promise<Link | undefined> {
  const known = await access.hostKeys.isPinned(endpoint);
  let done = 0;
  let since = access.clock.now();
  const onStep = ({ kind, detail }: Step) => {
    const at = STEPS.findIndex(([one]) => one === kind);
    // A server may need several connections; the first one has already reported this step.
    if (at < done) return;
    const took = formatDuration(access.clock.now() - since);
    since = access.clock.now();
    done = at + 1;
    const more = kind === 'verified' ? (known ? ', pinned' : ', pinned just now') : ` in ${took}`;
    findings.ok(STEPS[at]?.[1] ?? kind, `${detail}${more}`);
  };
  try {
    // Each step as every client takes it.
    const plain = { ...endpoint, ssh: { ...endpoint.ssh, shortcuts: [] } };
    return await access.transport.dial(plain, caller, onStep);
  } catch (error) {
    caller.signal.throwIfAborted();
    for (const [index, [, name]] of STEPS.slice(done).entries())
      if (index === 0) findings.fail(name, error);
      else findings.skip(name, SKIPPED);
    return undefined;
  }
}

/** Whether the login shell runs commands. */
async function checkInside({ access, endpoint, findings, caller }: Inside, link: Link): Promise<boolean> {
  const { signal } = caller;
  const start = access.clock.now();
  const ms = access.settings.commandDeadline;
  const expired = () =>
    new AppError('timed-out', `no answer within ${formatDuration(ms)}`, {
      hint: 'a start-up file of the login shell may be waiting for something; see .bashrc, .profile and .zshenv there',
    });
  let facts: VmFacts;
  let remote: RemoteProcess | undefined;
  try {
    facts = await withDeadline({ clock: access.clock, ms, signal, expired }, async (limited) => {
      const spawned = await link.spawn(remoteScript('facts'), { signal: limited });
      if (typeof spawned === 'string')
        throw new AppError('ssh-denied', 'the server did not open a channel for commands');
      remote = spawned;
      return readVmFacts(spawned);
    });
  } catch (error) {
    signal.throwIfAborted();
    findings.fail('shell', error);
    return false;
  } finally {
    remote?.close();
  }
  const took = formatDuration(access.clock.now() - start);
  for (const check of judgeVmFacts(facts, { label: endpoint.label, took })) findings.add(check);
  return true;
}

/** sshd's default limit. */
const MAX_SESSIONS = 10;
const FEW = 4;

/** Opens channels until the server refuses one, and closes them again. */
async function checkChannels({ findings, caller: { signal } }: Inside, link: Link): Promise<void> {
  const open: RemoteProcess[] = [];
  try {
    while (open.length < MAX_SESSIONS) {
      const remote = await link.spawn(commandScript(['cat']), { signal });
      if (typeof remote === 'string') break;
      remote.stdout.resume();
      remote.stderr.resume();
      open.push(remote);
    }
    const found = `${open.length}${open.length < MAX_SESSIONS ? '' : ' or more'} at once over one connection (MaxSessions)`;
    if (open.length >= FEW) findings.ok('channels', found);
    else
      findings.warn(
        'channels',
        found,
        'azlin opens more connections instead; MaxSessions 10 in its sshd_config avoids that',
      );
  } catch (error) {
    signal.throwIfAborted();
    findings.fail('channels', toAppError(error));
  } finally {
    for (const remote of open) remote.close();
  }
}
