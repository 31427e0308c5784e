import type { Caller } from '../../domain/caller.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { isAzureVm, type Vm } from '../../domain/vm.ts';
import type { NamedVm, PowerVerb } from '../../inventory/vm-power.ts';
import type { FleetAccess } from './fleet-access.ts';

/** Whether azlin can start the VM: only Azure can be asked to, and Windows has no tmux. */
export function isStartable(vm: Vm): boolean {
  return isAzureVm(vm) && vm.os !== 'windows';
}

/** Starts the VM if the caller wants that, and resolves to its data then, as it may have a new address. Otherwise rejects with `vm-not-running`. */
export async function startIfWanted({ power }: FleetAccess, named: NamedVm, caller: Caller): Promise<Vm> {
  const { vm, hostname } = named;
  const { start, signal, progress } = caller;
  if (!start.always && !(await start.ask(questionAbout(named)))) throw notRunning(named, caller);
  progress(`Starting ${hostname}`);
  try {
    await power.start(named, caller);
  } catch (error) {
    throw signal.aborted ? stillChanging('start', [hostname]) : error;
  }
  try {
    return await power.look(named, caller);
  } catch (error) {
    signal.throwIfAborted();
    caller.warn(`"${hostname}" was started, but its address could not be looked up: ${messageOf(error)}`);
    return { ...vm, powerState: 'Running' };
  }
}

function questionAbout({ vm: { powerState }, hostname }: NamedVm): string {
  if (powerState === 'Starting') return `"${hostname}" is starting. Wait for it?`;
  return `"${hostname}" is ${powerState.toLowerCase()}. Start it?`;
}

export function notRunning({ vm, hostname }: NamedVm, { start }: Caller): AppError {
  if (vm.os === 'windows')
    return new AppError('vm-not-running', `Cannot connect to "${hostname}": it runs Windows, which has no tmux`);
  const verb = vm.powerState === 'Starting' ? 'waits for it' : 'starts it';
  const more = start.isOption ? '; --start does that and then connects' : '';
  const hint = isStartable(vm)
    ? `azlin start ${shellWord(hostname)} ${verb}${more}`
    : 'its status comes from the inventory file';
  return new AppError('vm-not-running', `Cannot connect to "${hostname}": the VM is ${vm.powerState.toLowerCase()}`, {
    hint,
  });
}

/** Ctrl-C ends azlin, not what Azure has begun. */
export function stillChanging(verb: PowerVerb, hostnames: readonly string[]): AppError {
  const [first = ''] = hostnames;
  return new AppError('interrupted', `Interrupted; Azure may still ${verb} ${hostnames.join(', ')}`, {
    hint: `azlin status ${hostnames.length === 1 ? `${shellWord(first)} ` : ''}--refresh shows the state`,
  });
}
