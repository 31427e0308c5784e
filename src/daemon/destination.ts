import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { Caller } from '../domain/caller.ts';
import { messageOf } from '../domain/errors.ts';
import { describeHop, type Hop } from '../domain/jump.ts';
import { type Endpoint, endpointKey } from '../transport/endpoint.ts';
import type { KnownHosts } from '../transport/host-keys/known-hosts.ts';
import type { Transport } from '../transport/transport.ts';
import { type Destination, hopKey } from './messages.ts';

export interface DestinationSettings extends Pick<Destination, 'knownHosts' | 'settings' | 'persist' | 'watch'> {
  /** Connects from this process, and for it alone. */
  readonly direct: Transport;
  readonly endpointOfHop: (hop: Hop, inFleet: boolean, caller: Caller) => Promise<Endpoint>;
}

/** Where to connect to, and over what. Undefined for what must not be shared: an agent that is forwarded, and commands that need the environment of their caller. */
export async function destinationOf(
  endpoint: Endpoint,
  { endpointOfHop, knownHosts, settings, persist, watch }: DestinationSettings,
  caller: Caller,
): Promise<Destination | undefined> {
  const hops = new Map<string, Endpoint>();
  const waiting = [endpoint];
  try {
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const { route, ssh } = one;
      if (route.kind === 'command' || ssh.forwardAgent !== undefined) return undefined;
      if (route.kind !== 'jump') continue;
      for (const hop of route.hops) {
        const key = hopKey(describeHop(hop), route.inFleet);
        if (hops.has(key)) continue;
        const place = await endpointOfHop(hop, route.inFleet, caller);
        hops.set(key, place);
        waiting.push(place);
      }
    }
  } catch (error) {
    caller.signal.throwIfAborted();
    // Connecting directly fails with an error that names the way.
    caller.trace(`the way to ${endpoint.label} is not known: ${messageOf(error)}`);
    return undefined;
  }
  return { endpoint, hops: [...hops], knownHosts, settings, persist, watch };
}

const endpointsOf = ({ endpoint, hops }: Destination) => [endpoint, ...hops.map(([, hop]) => hop)];

/** The files and sockets that the daemon would open. */
export function pathsOf(to: Destination): readonly string[] {
  const named = endpointsOf(to).flatMap(
    ({ ssh: { identityFiles, certificateFiles, knownHostsFiles, revokedHostKeys, agent } }) => [
      ...[...identityFiles, ...certificateFiles].map(({ path }) => path),
      ...knownHostsFiles,
      ...(revokedHostKeys === undefined ? [] : [revokedHostKeys]),
      ...(agent === undefined ? [] : [agent]),
    ],
  );
  return [to.knownHosts, to.settings, ...named];
}

/** The same, from wherever one starts: the daemon is in another directory than whoever named these files. */
export function withAbsolutePaths(to: Destination): Destination {
  if (pathsOf(to).every(isAbsolute)) return to;
  const absolute = (endpoint: Endpoint): Endpoint => {
    const { identityFiles, certificateFiles, knownHostsFiles, revokedHostKeys, agent } = endpoint.ssh;
    const absoluteFile = <File extends { readonly path: string }>(file: File) => ({
      ...file,
      path: resolve(file.path),
    });
    const own = {
      identityFiles: identityFiles.map(absoluteFile),
      certificateFiles: certificateFiles.map(absoluteFile),
      knownHostsFiles: knownHostsFiles.map((path) => resolve(path)),
      revokedHostKeys: revokedHostKeys === undefined ? undefined : resolve(revokedHostKeys),
      agent: agent === undefined ? undefined : resolve(agent),
    };
    return { ...endpoint, ssh: { ...endpoint.ssh, ...own } };
  };
  return {
    ...to,
    endpoint: absolute(to.endpoint),
    hops: to.hops.map(([name, hop]) => [name, absolute(hop)] as const),
    knownHosts: resolve(to.knownHosts),
    settings: resolve(to.settings),
  };
}

/** Equal for calls that would make the same connection. Shortcuts and labels do not change who one is there. */
export function keyOfDestination({ endpoint, hops, knownHosts }: Destination): string {
  const key = (one: Endpoint) => endpointKey({ ...one, ssh: { ...one.ssh, shortcuts: [] } });
  return JSON.stringify([key(endpoint), hops.map(([name, hop]) => [name, key(hop)]), knownHosts]);
}

/** If the host is known, it does not matter any more whether its key would be kept on first sight. */
export async function withoutDoubt(to: Destination, hosts: KnownHosts): Promise<Destination> {
  const { endpoint } = to;
  if (endpoint.firstSight !== 'look' || !(await hosts.isPinned(endpoint).catch(() => false))) return to;
  return { ...to, endpoint: { ...endpoint, firstSight: 'pin' } };
}

export function keyFilesOf({ endpoint, hops }: Destination): readonly string[] {
  const all = [endpoint, ...hops.map(([, hop]) => hop)];
  return [
    ...new Set(all.flatMap(({ ssh }) => [...ssh.identityFiles, ...ssh.certificateFiles].map(({ path }) => path))),
  ];
}

/** Changes with the files that the keys are in. */
export async function stampOf(to: Destination): Promise<string> {
  const stamps = keyFilesOf(to).map((path) =>
    stat(path).then(
      ({ mtimeMs, size, ino }) => `${path} ${mtimeMs} ${size} ${ino}`,
      () => path,
    ),
  );
  return (await Promise.all(stamps)).join('\n');
}
