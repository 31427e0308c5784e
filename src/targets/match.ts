import { distance } from 'fastest-levenshtein';
import { AppError, type Candidates } from '../domain/errors.ts';
import { count, shellWord } from '../domain/text.ts';
import { addressOf, compareVms, type Vm } from '../domain/vm.ts';
import type { HostRef } from './identifier.ts';

type VmRef = Extract<HostRef, { kind: 'vm' }>;

/** The VMs that the reference names. Azure compares names without case, so we do. */
export function matchVms(vms: readonly Vm[], { name, resourceGroup }: VmRef): readonly Vm[] {
  return vms
    .filter((vm) => same(vm.name, name) && (resourceGroup === undefined || same(vm.resourceGroup, resourceGroup)))
    .sort(compareVms);
}

/** Up to `most` of the known names, the nearest first, none that has little in common with `text`. */
export function nearestNames(text: string, names: readonly string[], most = 5): readonly string[] {
  const wanted = text.toLowerCase();
  // Two letters that changed places are two edits.
  const limit = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, away: awayness(wanted, name.toLowerCase()) }))
    .filter(({ away }) => away <= limit)
    .sort((a, b) => a.away - b.away || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** A name is unique as it is in most fleets; where it is not, the resource group tells. */
export function qualifiedName(vm: Vm, vms: readonly Vm[]): string {
  return vms.filter((other) => same(other.name, vm.name)).length > 1 ? `${vm.resourceGroup}/${vm.name}` : vm.name;
}

/** `qualifiedName` of every VM, for many of them at once. */
export function qualifiedNames(vms: readonly Vm[]): ReadonlyMap<Vm, string> {
  const seen = new Map<string, number>();
  for (const { name } of vms) seen.set(name.toLowerCase(), (seen.get(name.toLowerCase()) ?? 0) + 1);
  return new Map(
    vms.map((vm) => [vm, (seen.get(vm.name.toLowerCase()) ?? 0) > 1 ? `${vm.resourceGroup}/${vm.name}` : vm.name]),
  );
}

/** What the name was for. */
export interface Asked {
  /** The half after the colon, when there was one. */
  readonly session?: string;
  /** The command that takes such a name; `connect` where nothing is said. */
  readonly verb?: string;
}

/** A VM name that stands in several resource groups. */
export function ambiguousVm(ref: VmRef, found: readonly Vm[], { session, verb = 'connect' }: Asked): AppError {
  const items = found.map((vm) => ({
    identifier: `${vm.resourceGroup}/${vm.name}${session === undefined ? '' : `:${session}`}`,
    ip: addressOf(vm),
  }));
  const isGroups = new Set(found.map((vm) => vm.resourceGroup.toLowerCase())).size === found.length;
  const title = isGroups ? `Found in ${count(found.length, 'resource group')}` : `Found ${found.length} times`;
  return new AppError('ambiguous', `Ambiguous VM name "${ref.name}"`, {
    candidates: { title, items },
    hint: isGroups
      ? `azlin ${verb} ${shellWord(items[0]?.identifier ?? '')}`
      : `one of them alone: ${found.map(({ subscriptionId }) => `--subscription ${subscriptionId}`).join('   or ')}`,
  });
}

/** Nothing of that name, with the names that come near. */
export function nothingNamed(
  message: string,
  code: 'vm-not-found' | 'session-not-found',
  near: readonly string[],
): AppError {
  const candidates: Candidates | undefined =
    near.length === 0
      ? undefined
      : { title: 'Did you mean', items: near.map((identifier) => ({ identifier, ip: null })) };
  return new AppError(code, message, { candidates, hint: 'azlin list   shows what there is' });
}

// A name that starts or ends like the wanted one is near, however long the rest: `prod` for `prodvm`.
function awayness(wanted: string, name: string): number {
  return wanted.length >= 3 && name.includes(wanted) ? 1 : distance(wanted, name);
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
