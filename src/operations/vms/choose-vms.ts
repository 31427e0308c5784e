import { AppError } from '../../domain/errors.ts';
import { count, shellWord } from '../../domain/text.ts';
import type { Vm } from '../../domain/vm.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import { findVm, vmRefOf } from '../../targets/find-vm.ts';
import { namePattern, paddedPattern } from '../../targets/pattern.ts';
import { matchingVms } from '../../targets/select.ts';
import { parseSelection } from '../../targets/selection.ts';

/** Chooses VMs by their properties instead of by identifiers. */
export interface VmChoice {
  /** `KEY` or `KEY=VALUE`. Every key must hold, by one of its values. */
  readonly tags: readonly string[];
  /** Patterns of VM names, of which one must match; empty for all. */
  readonly hosts: readonly string[];
  /** The session on each VM, by name or by pattern; undefined for the default session. */
  readonly session: string | undefined;
}

/** VMs that were named, and VMs that matched a pattern or an option. */
export interface FoundVms {
  readonly named: readonly Vm[];
  readonly matched: readonly Vm[];
}

/** Finds VMs by names, lists and patterns. Throws an AppError if one of them matches no VM, or if a name is ambiguous. */
export function vmsNamed(texts: readonly string[], fleet: Fleet, verb: string): FoundVms {
  const named: Vm[] = [];
  const matched: Vm[] = [];
  for (const part of texts.flatMap(parseSelection)) {
    if (part.kind === 'identifier') {
      const vm = findVm(vmRefOf(part.text), fleet, { verb });
      if (vm instanceof AppError) throw vm;
      named.push(vm);
      continue;
    }
    if (part.session !== undefined || part.user !== undefined)
      throw new AppError('usage', `"${part.text}" does not name VMs`, {
        hint: "name VMs alone, without a session: 'web-*'",
      });
    const vms = matchingVms(part, fleet.vms);
    if (vms.length === 0) throw noSuchVms(part.text, fleet.vms);
    matched.push(...vms);
  }
  return { named, matched };
}

/** Finds VMs by their properties. Throws an AppError if there are none. */
export function chosenVms(choice: VmChoice, fleet: Fleet): FoundVms {
  const matched = matchingVms({ resourceGroup: undefined, host: '*' }, fleet.vms.filter(vmFilter(choice)));
  if (matched.length === 0)
    throw new AppError(
      'vm-not-found',
      `No VM matches ${describeChoice(choice)}; ${count(fleet.vms.length, 'VM')} in scope`,
      {
        hint:
          choice.hosts.map((host) => paddingHint(host, fleet.vms)).find(Boolean) ?? 'azlin list --all shows the VMs',
      },
    );
  return { named: [], matched };
}

/** Accepts the VMs with these tags and a name that matches the pattern. */
export function vmFilter({ tags, hosts }: Pick<VmChoice, 'tags' | 'hosts'>): (vm: Vm) => boolean {
  const patterns = hosts.map((host) => namePattern(host, { ignoreCase: true }));
  const wanted = new Map<string, (string | undefined)[]>();
  for (const tag of tags) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(tag) ?? [];
    const key = name.toLowerCase();
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (vm) =>
    (patterns.length === 0 || patterns.some((matches) => matches(vm.name))) &&
    [...wanted].every(([key, values]) =>
      Object.entries(vm.tags).some(
        ([name, has]) => name.toLowerCase() === key && (values.includes(undefined) || values.includes(has)),
      ),
    );
}

/** The options as they can be typed again. */
export function describeChoice({ tags, hosts, session }: VmChoice): string {
  const word = (text: string) => (/^\w[\w.=-]*$/.test(text) ? text : shellWord(text));
  const words = [...tags.map((tag) => `--tag ${word(tag)}`), ...hosts.map((host) => `--host ${word(host)}`)];
  const vms = words.length === 0 ? '--all' : words.join(' ');
  return session === undefined ? vms : `${vms} --session ${word(session)}`;
}

export function noSuchVms(text: string, vms: readonly Vm[]): AppError {
  return new AppError('vm-not-found', `No VM matches "${text}"; nothing was done`, {
    hint: paddingHint(text, vms) ?? 'azlin list --all shows the VMs',
  });
}

/** For `node-[1-3]` where the VMs are called `node-01` and so on. */
export function paddingHint(text: string, vms: readonly Vm[]): string | undefined {
  for (const width of [2, 3, 4]) {
    const padded = paddedPattern(text, width);
    const [part, ...others] = padded === undefined ? [] : parseSelection(padded);
    const isThere = part?.kind === 'pattern' && others.length === 0 && matchingVms(part, vms).length > 0;
    if (isThere) return `numbers are padded there: ${shellWord(padded ?? '')}`;
  }
  return undefined;
}
