import type { Caller } from '../../domain/caller.ts';
import { atMost } from '../../domain/concurrency.ts';
import { hasTrait } from '../../domain/error-traits.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { count } from '../../domain/text.ts';
import { mayAnswer, qualifiedNames, type Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import { type NamedVm, type PowerVerb, stateAfter } from '../../inventory/vm-power.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { stillChanging } from '../access/start-vm.ts';
import { chosenVms, type FoundVms, type VmChoice, vmsNamed } from './choose-vms.ts';

export type { PowerVerb };

/** A VM that was started or stopped, as Azure described it afterwards. */
export interface PowerRow {
  readonly hostname: string;
  readonly status: string;
  readonly ip: string | null;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
}

export interface PowerResult {
  readonly rows: readonly PowerRow[];
  /** What failed, for one or more VMs. */
  readonly failure: AppError | undefined;
}

export interface Work {
  readonly access: FleetAccess;
  readonly caller: Caller;
}

const CONCURRENCY = 16;

/** VMs that the user means. */
export interface MeantVms {
  readonly vms: readonly NamedVm[];
  /** VMs that match but are already in the wanted state. */
  readonly already: readonly string[];
  /** Describes, for people, which VMs the patterns and options mean. */
  readonly notes: readonly string[];
}

export interface VmWish {
  readonly verb: PowerVerb;
  readonly isFresh: boolean;
}

/** The VMs that the user names or chooses, each once. Rejects if one cannot be found; nothing has been done by then. */
export async function meantVms(
  { access, caller }: Work,
  from: readonly string[] | VmChoice,
  { verb, isFresh }: VmWish,
): Promise<MeantVms> {
  const foundIn = (fleet: Fleet): FoundVms | AppError => {
    try {
      return 'tags' in from ? chosenVms(from, fleet) : vmsNamed(from, fleet, verb);
    } catch (error) {
      return toAppError(error);
    }
  };
  const find = async (fresh: boolean): Promise<MeantVms> => {
    const fleet = await access.inventory.listVms({ fresh, whole: true }, caller);
    const found = foundIn(fleet);
    // Do not rely on old data for whether there is something to do, or for a VM not existing.
    const isOldNews = found instanceof AppError ? hasTrait(found.code, 'news') : found.matched.length > 0;
    if (fleet.isKept && isOldNews) return find(true);
    if (found instanceof AppError) throw found;
    for (const warning of fleet.warnings) caller.warn(warning);
    return settledVms(found, fleet, verb);
  };
  return find(isFresh);
}

/** A pattern means only VMs for which there is something to do; a VM that is named is always meant. */
function settledVms(found: FoundVms, fleet: Fleet, verb: VmWish['verb']): MeantVms {
  const names = qualifiedNames(fleet.vms);
  const nameOf = (vm: Vm) => names.get(vm) ?? vm.name;
  const isDone = ({ powerState }: Vm) =>
    verb === 'restart' ? powerState !== 'Running' : powerState === stateAfter(verb);
  const named = new Set(found.named);
  const matched = [...new Set(found.matched)].filter((vm) => !named.has(vm));
  const todo = [...named, ...matched.filter((vm) => !isDone(vm))];
  const already = matched.filter(isDone).map(nameOf);
  const many = found.matched.length > 0;
  return {
    vms: todo.map((vm) => ({ vm, hostname: nameOf(vm) })),
    already,
    notes: [
      ...(many ? [`to ${verb}: ${todo.length === 0 ? 'none' : listNames(todo.map(nameOf))}`] : []),
      ...(already.length > 0 ? [`left out, ${LEFT_OUT[verb]}: ${listNames(already)}`] : []),
    ],
  };
}

const LEFT_OUT = { start: 'already running', stop: 'already deallocated', restart: 'not running' } as const;

/** What would end with these VMs: `myvm: 2 sessions, 1 client attached`. If a VM cannot be asked, its line says so. */
export async function whatRunsOn(
  { access, caller }: Work,
  named: readonly NamedVm[],
  deadline: number,
): Promise<readonly RunsThere[]> {
  const vms = named.map(({ vm }) => vm).filter(mayAnswer);
  const request = { vms, maxAge: 0, skipSilent: false, deadline, wholeDeadline: deadline };
  const { answers } = await access.survey.ask(request, caller);
  return named.map(({ hostname, vm }) => {
    const answer = answers.get(vm);
    if (!answer) return { text: `${hostname}: ${vm.powerState}`, sessions: 0 };
    if (answer.probe === 'no-tmux') return { text: `${hostname}: no tmux`, sessions: 0 };
    if (answer.probe !== 'ok')
      return { text: `${hostname}: its sessions are unknown: ${answer.reason}`, sessions: undefined };
    const sessions = answer.sessions.length;
    const attached = answer.sessions.reduce((sum, session) => sum + session.attached, 0);
    const clients = attached > 0 ? `, ${count(attached, 'client')} attached` : '';
    return { text: `${hostname}: ${count(sessions, 'session')}${clients}`, sessions };
  });
}

interface RunsThere {
  /** For people. */
  readonly text: string;
  /** Undefined if it is not known. */
  readonly sessions: number | undefined;
}

/** Starts, stops or restarts all of the VMs at once. A failure of one does not hold up the others. */
export async function changePower(work: Work, verb: PowerVerb, named: readonly NamedVm[]): Promise<PowerResult> {
  const { caller } = work;
  const verbing = { start: 'Starting', stop: 'Stopping', restart: 'Restarting' }[verb];
  const underWay = new Set<string>();
  let done = 0;
  const tell = () => {
    const [only] = named;
    if (only && named.length === 1) caller.progress(`${verbing} ${only.hostname}`);
    else caller.progress(`${verbing} ${count(named.length, 'VM')}, ${done} done`);
  };
  tell();
  try {
    const outcomes = await atMost(CONCURRENCY, named, async (one) => {
      underWay.add(one.hostname);
      const outcome = await changeOne(work, verb, one);
      underWay.delete(one.hostname);
      done++;
      tell();
      return outcome;
    });
    const failed = outcomes.filter((one) => one instanceof AppError);
    return {
      rows: outcomes.flatMap((one) => (one instanceof AppError ? [] : [one])),
      failure: failed.length > 1 ? joined(failed, named.length, verb) : failed[0],
    };
  } catch (error) {
    throw work.caller.signal.aborted ? stillChanging(verb, [...underWay]) : error;
  } finally {
    caller.progress(undefined);
  }
}

/** Rejects only when it is interrupted. */
async function changeOne({ access, caller }: Work, verb: PowerVerb, named: NamedVm): Promise<PowerRow | AppError> {
  try {
    await access.power[verb](named, caller);
  } catch (error) {
    if (caller.signal.aborted) throw error;
    return toAppError(error);
  }
  const { hostname, vm: before } = named;
  const vm = await lookAgain({ access, caller }, named);
  const row = { hostname, resourceGroup: before.resourceGroup, subscriptionId: before.subscriptionId };
  if (!vm) return { ...row, status: stateAfter(verb), ip: null };
  return { ...row, status: vm.powerState, ip: access.endpoints.addressOf(vm) };
}

/** Looks the VM up again, because it may have another address once it was started. */
async function lookAgain({ access, caller }: Work, named: NamedVm): Promise<Vm | undefined> {
  try {
    return await access.power.look(named, caller);
  } catch (error) {
    if (caller.signal.aborted) throw error;
    caller.warn(`the address of "${named.hostname}" could not be looked up: ${toAppError(error).message}`);
    return undefined;
  }
}

function joined(failures: readonly AppError[], all: number, verb: string): AppError {
  const [first] = failures as readonly [AppError, ...AppError[]];
  const messages = [...new Set(failures.map(({ message }) => message))];
  if (messages.length === 1) return first;
  const lines = messages.map((message) => `\n  ${message}`).join('');
  return new AppError(first.code, `Cannot ${verb} ${failures.length} of ${count(all, 'VM')}:${lines}`, {
    cause: first,
    hint: first.hint,
  });
}
