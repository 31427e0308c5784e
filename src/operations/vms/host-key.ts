import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { isAzureVm, type Vm } from '../../domain/vm.ts';
import { findVm, type VmRef } from '../../targets/find-vm.ts';
import { parseIdentifier } from '../../targets/identifier.ts';
import { type HostOfKeys, type KnownKey, unreportedKey } from '../../transport/host-keys/host-keys.ts';
import { sha256Of } from '../../transport/host-keys/public-key.ts';
import type { FleetAccess } from '../access/fleet-access.ts';

/** A key known for a host. Fields are only ever added: this is what `--format json` prints. */
export interface HostKeyRow extends KnownKey {
  readonly host: string;
}

/** The host keys that are known for a VM, an address or a host name. */
export async function knownHostKeys(access: FleetAccess, text: string, caller: Caller): Promise<readonly HostKeyRow[]> {
  const hosts = await hostsNamed({ access, text, verb: 'host-key show', caller });
  const keys = await Promise.all(hosts.map((host) => access.hostKeys.show(host, caller)));
  return unique(keys.flat()).map((key) => ({ host: text, ...key }));
}

export interface ForgottenKeys {
  readonly removed: readonly HostKeyRow[];
  /** Set if some could not be removed. */
  readonly failure: AppError | undefined;
}

/** Removes the host keys that are known for a VM, an address or a host name, from all files. */
export async function forgetHostKeys(access: FleetAccess, text: string, caller: Caller): Promise<ForgottenKeys> {
  const hosts = await hostsNamed({ access, text, verb: 'host-key forget', caller });
  const removed: KnownKey[] = [];
  const lines: string[] = [];
  for (const host of hosts) {
    const forgotten = await access.hostKeys.forget(host, caller);
    removed.push(...forgotten.removed);
    for (const { key, reason } of forgotten.kept) lines.push(`\n  ${key.path}:${key.line}: ${reason}`);
  }
  const failure =
    lines.length === 0
      ? undefined
      : new AppError('config', `Cannot remove every host key of "${text}":${[...new Set(lines)].join('')}`, {
          hint: 'edit the file, or ask its owner to',
        });
  return { removed: unique(removed).map((key) => ({ host: text, ...key })), failure };
}

/** Compares the known host keys of a VM with those that Azure reports, and pins these. Rejects with `host-key-changed` if Azure reports others. */
export async function verifyHostKeys(
  access: FleetAccess,
  text: string,
  caller: Caller,
): Promise<{ readonly keys: readonly HostKeyRow[]; readonly added: number }> {
  const host = hostOf(text);
  const vm = host?.kind === 'vm' ? await vmNamed({ access, text, verb: 'host-key verify', caller }, host) : undefined;
  if (!vm || !isAzureVm(vm))
    throw new AppError('usage', `Azure cannot report the host keys of "${text}": it is not a VM in Azure`, {
      hint: 'azlin list --all shows the VMs; azlin host-key show lists the keys that are known',
    });
  const endpoint = access.endpoints.of(vm);
  const reported = await access.hostKeys.ofAzure(endpoint, caller);
  const fingerprints = reported.map(sha256Of);
  const before = (await access.hostKeys.show(endpoint, caller)).filter(({ revoked }) => !revoked);
  const wrong = before.find(({ fingerprint }) => !fingerprints.includes(fingerprint));
  if (wrong) throw unreportedKey(endpoint, wrong, reported);
  await access.hostKeys.pin(endpoint, reported, caller);
  const after = await access.hostKeys.show(endpoint, caller);
  return { keys: unique(after).map((key) => ({ host: text, ...key })), added: after.length - before.length };
}

function unique(keys: readonly KnownKey[]): readonly KnownKey[] {
  return [...new Map(keys.map((key) => [`${key.path}:${key.line}`, key])).values()];
}

/** A VM is known by its id and its address. Any other text is a name in the files of keys, perhaps of a VM that no longer exists. */
async function hostsNamed({ access, text, verb, caller }: Named): Promise<readonly HostOfKeys[]> {
  const host = hostOf(text);
  if (host?.kind === 'address') return [access.endpoints.at(host.address)];
  const literal = (name: string): HostOfKeys => ({
    ...access.endpoints.at('localhost'),
    label: text,
    hostKeyAlias: name,
    knownAs: name.toLowerCase(),
  });
  const vm = host && (await vmNamed({ access, text, verb, caller }, host));
  if (!vm) return [text, ...(await access.hostKeys.aliasesOf(text))].map(literal);
  try {
    return [access.endpoints.of(vm)];
  } catch {
    // A VM without an address still has its id.
    return [{ ...literal(vm.vmId), label: vm.name }];
  }
}

interface Named {
  readonly access: FleetAccess;
  readonly text: string;
  /** The command that asks, for hints. */
  readonly verb: string;
  readonly caller: Caller;
}

/** Undefined when no VM has that name. Throws `ambiguous`, and what the inventory throws. */
async function vmNamed({ access, verb, caller }: Named, host: VmRef): Promise<Vm | undefined> {
  const vm = findVm(host, await access.inventory.listVms({ fresh: false }, caller), { verb });
  if (!(vm instanceof AppError)) return vm;
  if (vm.code === 'ambiguous') throw vm;
  return undefined;
}

/** Undefined for what can only be a name in known_hosts: `[host]:2222`. Throws `usage`. */
function hostOf(text: string) {
  if (/^\[.*\]:\d+$/.test(text)) return undefined;
  const identifier = parseIdentifier(text);
  if (identifier.kind === 'bare' && identifier.host) return identifier.host;
  throw new AppError('usage', `"${text}" is not a host`, {
    hint: `name the VM alone: azlin host-key show ${shellWord(text.split(':')[0] ?? '')}`,
  });
}
