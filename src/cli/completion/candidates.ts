import { type Session, sessionRef } from '../../domain/session.ts';
import { count, printable } from '../../domain/text.ts';
import { compareVms, type Vm } from '../../domain/vm.ts';
import type { CachedKnowledge } from '../../operations/access/completion-knowledge.ts';

/** Something that could be typed next. */
export interface CompletionCandidate {
  readonly value: string;
  readonly description: string;
}

export interface Names {
  readonly known: CachedKnowledge;
  /** By the name that users type for it. */
  readonly vmsByName: ReadonlyMap<string, Vm>;
  readonly aliases: Readonly<Record<string, readonly string[]>>;
}

/** VMs by name; with the resource group where that is typed or needed. */
export function vmCandidates({ known, vmsByName }: Names, typed: string): readonly CompletionCandidate[] {
  const named: readonly (readonly [string, Vm])[] = typed.includes('/')
    ? [...known.vms].sort(compareVms).map((vm) => [`${vm.resourceGroup}/${vm.name}`, vm] as const)
    : [...vmsByName];
  return named.map(([value, vm]) => ({ value, description: describeVm(vm, known.sessions.get(vm)) }));
}

function describeVm({ powerState, size }: Vm, sessions: readonly Session[] | undefined): string {
  return [powerState, ...(size === '' ? [] : [size]), ...(sessions ? [count(sessions.length, 'session')] : [])].join(
    ', ',
  );
}

/** `vm:session` for the sessions of the VM that is typed before the colon. */
export function sessionsOfVm(names: Names, typed: string): readonly CompletionCandidate[] {
  const host = typed.slice(0, typed.lastIndexOf(':'));
  const vm = vmNamed(names, host);
  return vm ? sessionsOn(names, vm, host) : [];
}

export function vmNamed({ known, vmsByName }: Names, host: string): Vm | undefined {
  const wanted = host.toLowerCase();
  const [group, name] = wanted.includes('/') ? wanted.split('/') : [undefined, wanted];
  for (const [shown, vm] of vmsByName) if (shown.toLowerCase() === wanted) return vm;
  return known.vms.find((vm) => vm.name.toLowerCase() === name && (!group || vm.resourceGroup.toLowerCase() === group));
}

function sessionsOn({ known }: Names, vm: Vm, host: string): readonly CompletionCandidate[] {
  return (known.sessions.get(vm) ?? []).map((session) => ({
    value: `${host}:${sessionRef(session)}`,
    description: describeSession(session),
  }));
}

function describeSession({ friendlyName, attached }: Session): string {
  return [
    ...(friendlyName === null ? [] : [friendlyName]),
    attached > 0 ? `${attached} attached` : 'nobody attached',
  ].join(', ');
}

/** What an identifier could be: aliases, VMs, and unique names of sessions, friendly ones too. If only one VM fits, also its sessions. */
export function identifierCandidates(names: Names, typed: string): readonly CompletionCandidate[] {
  if (typed.replace(/^\[.*\]/, '').includes(':')) return sessionsOfVm(names, typed);
  const vms = vmCandidates(names, typed);
  const near = vms.filter(({ value }) => fits(value, typed));
  const only = near.length === 1 && near[0] ? vmNamed(names, near[0].value) : undefined;
  const aliases = Object.entries(names.aliases).map(([value, means]) => ({
    value,
    description: `alias: ${means.join(', ')}`,
  }));
  return [
    ...aliases,
    ...vms,
    ...(only && near[0] ? sessionsOn(names, only, near[0].value) : []),
    ...uniqueSessions(names),
  ];
}

/** Session names and friendly names that only one session of the fleet has. */
function uniqueSessions({ known, vmsByName }: Names): readonly CompletionCandidate[] {
  const nameOf = new Map([...vmsByName].map(([name, vm]) => [vm, name]));
  const places = new Map<string, string[]>();
  for (const [vm, sessions] of known.sessions)
    for (const { name, friendlyName } of sessions)
      for (const one of new Set([name, ...(friendlyName === null ? [] : [friendlyName])]))
        places.set(one, [...(places.get(one) ?? []), `${nameOf.get(vm)}:${name}`]);
  return [...places].flatMap(([value, found]) =>
    found.length === 1 ? [{ value, description: `session ${found[0]}` }] : [],
  );
}

/** Ignores case, as VM names do. */
export function fits(value: string, typed: string): boolean {
  return value.toLowerCase().startsWith(typed.toLowerCase());
}

export function jobCandidates({ jobs }: CachedKnowledge): readonly CompletionCandidate[] {
  return jobs.map(([value, identifier]) => ({ value, description: `job on ${identifier}` }));
}

export function groupCandidates({ vms }: CachedKnowledge): readonly CompletionCandidate[] {
  const groups = new Map<string, { name: string; size: number }>();
  for (const { resourceGroup: name } of vms) {
    const key = name.toLowerCase();
    groups.set(key, { name: groups.get(key)?.name ?? name, size: (groups.get(key)?.size ?? 0) + 1 });
  }
  return [...groups.values()].map(({ name, size }) => ({ value: name, description: count(size, 'VM') }));
}

/** KEY and KEY=VALUE. */
export function tagCandidates({ vms }: CachedKnowledge): readonly CompletionCandidate[] {
  const tags = new Map<string, number>();
  for (const vm of vms)
    for (const [key, value] of Object.entries(vm.tags))
      for (const tag of [key, `${key}=${value}`]) tags.set(tag, (tags.get(tag) ?? 0) + 1);
  return [...tags].map(([value, size]) => ({ value, description: count(size, 'VM') }));
}

/** Names of sessions on any VM. */
export function sessionNames({ sessions }: CachedKnowledge): readonly CompletionCandidate[] {
  const names = new Map<string, number>();
  for (const list of sessions.values()) for (const { name } of list) names.set(name, (names.get(name) ?? 0) + 1);
  return [...names].map(([value, size]) => ({ value, description: `on ${count(size, 'VM')}` }));
}

/** The labels of everybody who is attached to a session. */
export function labelCandidates({ sessions }: CachedKnowledge): readonly CompletionCandidate[] {
  const labels = new Set([...sessions.values()].flat().flatMap(({ clients }) => clients));
  return [...labels].map((value) => ({ value, description: 'attached' }));
}

/** The candidates that continue what is typed and can be shown on a terminal, each once. */
export function fitting(candidates: readonly CompletionCandidate[], typed: string): readonly CompletionCandidate[] {
  const seen = new Set<string>();
  return candidates.flatMap(({ value, description }) => {
    // What cannot be printed cannot be typed either.
    if (!fits(value, typed) || seen.has(value) || printable(value) !== value || value === '') return [];
    seen.add(value);
    return [{ value, description: printable(description) }];
  });
}
