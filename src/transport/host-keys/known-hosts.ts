import type { Caller } from '../../domain/caller.ts';
import { oneByOne } from '../../domain/concurrency.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { describeEndpoint } from '../ssh-errors.ts';
import { changedKey, type HostOfKeys, type KnownKey, revokedKey, unknownKey, weakKey } from './host-keys.ts';
import { describeLine, isAboutHost, isRevokedFor, knownIn, knownWithoutPort, pinnedIn } from './host-lines.ts';
import { keep, ownHosts, usersHosts } from './known-files.ts';
import { disableKnownHosts, type KnownHost, removeKnownHosts } from './known-hosts-file.ts';
import { fingerprint, rsaBits, typeOfKey } from './public-key.ts';
import { isRevoked } from './revoked-keys.ts';

export interface Forgotten {
  readonly removed: readonly KnownKey[];
  /** What could not be removed, and why. */
  readonly kept: readonly { readonly key: KnownKey; readonly reason: string }[];
}

export interface KnownHosts {
  /** Key types known for the host, so that its server can be asked for one of them. */
  typesOf(host: HostOfKeys, caller: Caller): Promise<readonly string[]>;
  /** Whether azlin itself has a key for it. */
  isPinned(host: HostOfKeys): Promise<boolean>;
  /** Throws `host-key-changed`, `host-key-unknown` or `host-key-revoked`; otherwise the key is the host's own, and is pinned. */
  check(host: HostOfKeys, key: Buffer, caller: Caller): Promise<void>;
  /** Pins keys of a host that is known to have them, as far as they are strong enough. */
  pin(host: HostOfKeys, keys: readonly Buffer[], caller: Caller): Promise<void>;
  /** Whether azlin has exactly these keys for it, so that a proof that the server holds them would change nothing. */
  hasExactly(host: HostOfKeys, keys: readonly Buffer[]): Promise<boolean>;
  /** Takes over the keys that a server has proven to hold, over a connection that was secured with `current`. */
  update(host: HostOfKeys, shown: Rotation, caller: Caller): Promise<void>;
  /** Its keys in all files. */
  show(host: HostOfKeys, caller: Caller): Promise<readonly KnownKey[]>;
  /** The names under which azlin keeps keys of VMs that had this label when the keys were kept. The VMs may be gone by now. */
  aliasesOf(label: string): Promise<readonly string[]>;
  /** Removes its keys from all files. Revoked ones stay revoked. */
  forget(host: HostOfKeys, caller: Caller): Promise<Forgotten>;
}

export interface KnownHostsSettings {
  /** azlin's own file, in OpenSSH's format. */
  readonly path: string;
}

/** Host keys: azlin's own file, where they are pinned to the VM, and the files of ssh, where they are known by address. */
export function knownHosts(settings: KnownHostsSettings): KnownHosts {
  // One at a time, so that each call sees what the one before has kept, and nobody is asked twice.
  const inTurn = oneByOne();
  return {
    async typesOf(host, caller) {
      const pinned = pinnedIn(await ownHosts(settings), host);
      const known = pinned.length > 0 ? pinned : knownIn(await usersHosts(host, caller), host);
      return known.map(({ key }) => typeOfKey(key));
    },
    isPinned: async (host) => pinnedIn(await ownHosts(settings), host).length > 0,
    async check(host, key, caller) {
      const met = { host, key, caller };
      if (await isTrusted(settings, met)) return;
      await inTurn(async () => {
        if (!(await isTrusted(settings, met))) await meet(settings, met);
      });
    },
    pin: (host, keys, caller) => inTurn(() => pinKeys(settings, { host, caller }, keys)),
    async hasExactly(host, keys) {
      const pinned = new Set(pinnedIn(await ownHosts(settings), host).map(({ key }) => key.toString('base64')));
      const announced = new Set(keys.map((key) => key.toString('base64')));
      return pinned.size === announced.size && [...announced].every((key) => pinned.has(key));
    },
    update: (host, shown, caller) => inTurn(() => rotate(settings, { host, caller }, shown)),
    show: async (host, caller) => (await linesAbout(settings, { host, caller })).map(describeLine),
    async aliasesOf(label) {
      const lines = (await ownHosts(settings)).filter(({ comment }) => comment.toLowerCase() === label.toLowerCase());
      return [...new Set(lines.map(({ hosts }) => hosts))];
    },
    forget: (host, caller) => inTurn(() => forget(settings, { host, caller })),
  };
}

/** A host, and the caller who needs its keys. */
interface Wanted {
  readonly host: HostOfKeys;
  readonly caller: Caller;
}

/** A host that has shown a key. */
interface Met extends Wanted {
  readonly key: Buffer;
}

/** Whether the key is pinned. Throws for one that must not be accepted. */
async function isTrusted(settings: KnownHostsSettings, { host, key, caller }: Met): Promise<boolean> {
  const own = await ownHosts(settings);
  const theirs = await usersHosts(host, caller);
  const revoked = [...own, ...theirs].find((line) => line.key.equals(key) && isRevokedFor(line, host));
  if (revoked) throw revokedKey(host, key, `marked @revoked in ${revoked.path}:${revoked.line}`);
  const { revokedHostKeys, weakest } = host.ssh;
  if (revokedHostKeys && (await isRevoked(key, revokedHostKeys)))
    throw revokedKey(host, key, `listed in ${revokedHostKeys}`);
  const bits = rsaBits(key);
  if (bits !== undefined && bits < weakest.rsa) throw weakKey(host, bits, weakest.rsa);
  const pinned = pinnedIn(own, host);
  if (pinned.some((line) => line.key.equals(key))) return true;
  const [other] = pinned;
  if (other) throw changedKey(host, describeLine(other), key);
  return false;
}

/** Handles a host without a pinned key. What the user's files say about its address decides, otherwise the policy. */
async function meet({ path }: KnownHostsSettings, { host, key, caller }: Met): Promise<void> {
  const { questions, trace } = caller;
  const theirs = await usersHosts(host, caller);
  for (const other of theirs.filter((one) => one.marker === 'other' && isAboutHost(one, host)))
    trace(`${other.path}:${other.line}: host certificates are not supported; this line has no effect`);
  const known = knownIn(theirs, host);
  const near = known.length > 0 ? known : knownWithoutPort(theirs, host);
  const same = near.find((line) => line.key.equals(key));
  const [other] = known;
  if (!same && other) throw changedKey(host, describeLine(other), key);
  const { hostKeys } = host.ssh;
  if (!same && (hostKeys === 'strict' || hostKeys === 'azure')) throw unknownKey(host, key, hostKeys);
  if (host.firstSight === 'look') {
    // Another machine may have the address by now. It must not be taken for the VM.
    if (!same && hostKeys === 'ask') throw unknownKey(host, key, 'ask');
    return trace(`${host.label} is new, and its address may be out of date: its key is not kept`);
  }
  if (!same && hostKeys === 'ask') {
    if (!questions) throw unknownKey(host, key, 'ask');
    const question = `The host key of ${describeEndpoint(host)} is not known: ${fingerprint(key)}. Trust it?`;
    if (!(await questions.confirm(question))) throw unknownKey(host, key, 'refused');
  }
  await keep(path, [{ host: host.hostKeyAlias, key, comment: host.label }]);
  // If it is not found again, the host would be trusted as new once more, whatever key it has then.
  if (!(await isTrusted({ path }, { host, key, caller })))
    throw new AppError('bug', `The host key of "${host.label}" was written to ${path} but cannot be found there`);
  trace(
    same
      ? `the host key of ${host.label}, ${fingerprint(key)}, is known from ${same.path}:${same.line}; pinned in ${path}`
      : `new host key of ${host.label}: ${fingerprint(key)}, kept in ${path}`,
  );
}

export interface Rotation {
  readonly current: Buffer;
  readonly proven: readonly Buffer[];
}

async function rotate(
  settings: KnownHostsSettings,
  { host, caller }: Wanted,
  { current, proven }: Rotation,
): Promise<void> {
  const { path } = settings;
  const { trace } = caller;
  const weakestRsa = host.ssh.weakest.rsa;
  const pinned = pinnedIn(await ownHosts(settings), host);
  const has = (keys: readonly Buffer[], key: Buffer) => keys.some((one) => one.equals(key));
  const pinnedKeys = pinned.map(({ key }) => key);
  // Do not believe a server that does not offer the key it has just used.
  if (!has(proven, current) || !has(pinnedKeys, current)) return;
  const all = [...(await ownHosts(settings)), ...(await usersHosts(host, caller))];
  const isGood = (key: Buffer) =>
    (rsaBits(key) ?? weakestRsa) >= weakestRsa && !all.some((line) => line.key.equals(key) && isRevokedFor(line, host));
  const strong = proven.filter(isGood);
  const added = strong.filter((key) => !has(pinnedKeys, key));
  const { hostKeyAlias, knownAs, label } = host;
  // An address may lead to several machines, each with its own keys; the id of a VM means only one.
  const gone = pinned.filter(
    ({ key, hosts }) => hostKeyAlias !== knownAs && hosts === hostKeyAlias && !has(proven, key),
  );
  if (added.length > 0)
    await keep(
      path,
      added.map((key) => ({ host: hostKeyAlias, key, comment: label })),
    );
  if (gone.length > 0) await disableKnownHosts(path, gone, [hostKeyAlias]);
  for (const key of added) trace(`${label} also has the host key ${fingerprint(key)}; kept in ${path}`);
  for (const { key } of gone) trace(`${label} no longer has the host key ${fingerprint(key)}; removed from ${path}`);
}

async function pinKeys({ path }: KnownHostsSettings, { host, caller }: Wanted, keys: readonly Buffer[]): Promise<void> {
  const pinned = pinnedIn(await ownHosts({ path }), host);
  const weakest = host.ssh.weakest.rsa;
  const added = keys.filter(
    (key) => (rsaBits(key) ?? weakest) >= weakest && !pinned.some((line) => line.key.equals(key)),
  );
  if (added.length === 0) return;
  await keep(
    path,
    added.map((key) => ({ host: host.hostKeyAlias, key, comment: host.label })),
  );
  for (const key of added)
    caller.trace(`Azure reports the host key ${fingerprint(key)} of ${host.label}; kept in ${path}`);
}

async function forget(settings: KnownHostsSettings, wanted: Wanted): Promise<Forgotten> {
  const { host } = wanted;
  const lines = (await linesAbout(settings, wanted)).filter(({ marker }) => marker === 'none');
  const removed: KnownKey[] = [];
  const kept: { key: KnownKey; reason: string }[] = [];
  for (const path of new Set(lines.map((line) => line.path))) {
    const here = lines.filter((line) => line.path === path);
    const isPattern = ({ hosts }: KnownHost) => /[*?!]/.test(hosts);
    for (const line of here.filter(isPattern))
      kept.push({ key: describeLine(line), reason: `it applies to all hosts that match ${line.hosts}` });
    const exact = here.filter((line) => !isPattern(line));
    try {
      if (path === settings.path) await disableKnownHosts(path, exact, [host.hostKeyAlias, host.knownAs]);
      else if (exact.length > 0) await removeKnownHosts(path, exact);
      removed.push(...exact.map(describeLine));
    } catch (error) {
      kept.push(...exact.map((line) => ({ key: describeLine(line), reason: messageOf(error) })));
    }
  }
  return { removed, kept };
}

async function linesAbout(settings: KnownHostsSettings, { host, caller }: Wanted): Promise<readonly KnownHost[]> {
  const all = [...(await ownHosts(settings)), ...(await usersHosts(host, caller))];
  return all.filter((line) => line.marker !== 'other' && isAboutHost(line, host));
}
