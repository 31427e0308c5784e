import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { type Caller, silentCaller } from '../domain/caller.ts';
import { messageOf } from '../domain/errors.ts';
import { describeHop, type Hop } from '../domain/route.ts';
import type { BastionGate } from '../transport/bastion/bastion-gate.ts';
import { type Endpoint, endpointKey } from '../transport/endpoint.ts';
import type { KnownHosts } from '../transport/host-keys/known-hosts.ts';
import type { Transport } from '../transport/transport.ts';
import { type Destination, hopKey } from './messages.ts';

export interface DestinationSettings
  extends Pick<Destination, 'knownHosts' | 'settings' | 'persist' | 'watch' | 'history'> {
  /** Connects from this process, and for it alone. */
  readonly direct: Transport;
  readonly endpointOfHop: (hop: Hop, inFleet: boolean, caller: Caller) => Promise<Endpoint>;
  readonly bastions: Pick<BastionGate, 'find'>;
  /** How requests leave this machine is in its variables. */
  readonly environment: Variables;
}

/** Where to connect to, and over what. Undefined for what must not be shared: an agent that is forwarded, and commands that need the environment of their caller. */
export async function destinationOf(
  endpoint: Endpoint,
  request: DestinationSettings,
  caller: Caller,
): Promise<Destination | undefined> {
  const { endpointOfHop, knownHosts, settings, persist, watch, history } = request;
  const hops = new Map<string, Endpoint>();
  let isOverWeb = false;
  let start = endpoint;
  try {
    start = await withBastion(endpoint, request, caller);
    const waiting = [start];
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const { route, ssh } = one;
      if (route.kind === 'command' || ssh.forwardAgent !== undefined) return undefined;
      isOverWeb ||= route.kind === 'bastion';
      if (route.kind !== 'jump') continue;
      for (const hop of route.hops) {
        const key = hopKey(describeHop(hop), route.inFleet);
        if (hops.has(key)) continue;
        const place = await withBastion(await endpointOfHop(hop, route.inFleet, caller), request, caller);
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
  const web = isOverWeb ? webVariables(request.environment) : undefined;
  return { endpoint: start, hops: [...hops], knownHosts, settings, persist, watch, history, web };
}

/** The daemon is not signed in to Azure, so a Bastion that is known by its id only is looked up here. */
async function withBastion(endpoint: Endpoint, { bastions }: DestinationSettings, caller: Caller): Promise<Endpoint> {
  const { route } = endpoint;
  if (route.kind !== 'bastion' || typeof route.bastion !== 'string') return endpoint;
  return { ...endpoint, route: { ...route, bastion: await bastions.find(route.bastion, caller) } };
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

/** Whether the host key that was checked would be trusted now. */
export async function isTrusted({ to, realm, hostKey }: Checked): Promise<boolean> {
  if (hostKey === undefined) return true;
  const caller = silentCaller(new AbortController().signal);
  const keys = await realm.knownHosts.show(to.endpoint, caller);
  return keys.some(({ fingerprint, revoked }) => fingerprint === hostKey.split(' ')[0] && !revoked);
}

interface Checked {
  readonly to: Destination;
  readonly realm: { readonly knownHosts: KnownHosts };
  /** Its fingerprint. */
  readonly hostKey: string | undefined;
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

type Variables = Readonly<Record<string, string | undefined>>;

/** The variables that decide how requests leave a machine. */
function webVariables(environment: Variables): Variables {
  const names = [
    'HTTPS_PROXY',
    'https_proxy',
    'HTTP_PROXY',
    'http_proxy',
    'ALL_PROXY',
    'all_proxy',
    'NO_PROXY',
    'no_proxy',
  ];
  const own = names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]));
  // Node itself reads the second one when a process starts, so the daemon is told to read it, wherever it is.
  const { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: more } = environment;
  const trusted = [file || more, more].map((path) => (path ? resolve(path) : undefined));
  return { ...Object.fromEntries(own), SSL_CERT_FILE: trusted[0], NODE_EXTRA_CA_CERTS: trusted[1] };
}
