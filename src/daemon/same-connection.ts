import { stat } from 'node:fs/promises';
import { type Endpoint, endpointKey } from '../transport/endpoint.ts';
import type { KnownHosts } from '../transport/host-keys/known-hosts.ts';
import type { Destination } from './messages.ts';

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
  return [...new Set(all.flatMap(({ ssh }) => ssh.identityFiles.map(({ path }) => path)))];
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
