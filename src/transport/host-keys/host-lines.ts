import type { HostOfKeys, KnownKey } from './host-keys.ts';
import { isAbout, type KnownHost } from './known-hosts-file.ts';
import { sha256Of, typeOfKey } from './public-key.ts';

/*
 * Which lines of known_hosts files are about a host, and what they say.
 */

/** A line, for messages and for `azlin host-key`. */
export function describeLine({ key, path, line, marker }: KnownHost): KnownKey {
  return { type: typeOfKey(key), fingerprint: sha256Of(key), path, line, revoked: marker === 'revoked' };
}

/** Whether the line is about the host, by the name that its keys are pinned to or by the name that ssh uses. */
export function isAboutHost(line: KnownHost, { hostKeyAlias, knownAs }: HostOfKeys): boolean {
  return isAbout(line, hostKeyAlias) || isAbout(line, knownAs);
}

/** A key that is revoked for a host is revoked on all its ports. */
export function isRevokedFor(line: KnownHost, host: HostOfKeys): boolean {
  const address = withoutPort(host);
  return line.marker === 'revoked' && (isAboutHost(line, host) || (address !== undefined && isAbout(line, address)));
}

function withoutPort({ knownAs }: HostOfKeys): string | undefined {
  return /^\[(.+)\]:\d+$/.exec(knownAs)?.[1];
}

/** The lines of azlin's own file that pin keys of the host. */
export function pinnedIn(own: readonly KnownHost[], { hostKeyAlias }: HostOfKeys): readonly KnownHost[] {
  return own.filter((line) => line.marker === 'none' && isAbout(line, hostKeyAlias));
}

/** The lines of ssh's files that say which keys the host has. */
export function knownIn(theirs: readonly KnownHost[], { knownAs }: HostOfKeys): readonly KnownHost[] {
  return theirs.filter((line) => line.marker === 'none' && isAbout(line, knownAs));
}

/** As in ssh, a key that is known for the host without a port is also good on its other ports. Another key there means nothing. */
export function knownWithoutPort(theirs: readonly KnownHost[], host: HostOfKeys): readonly KnownHost[] {
  const address = withoutPort(host);
  if (address === undefined) return [];
  return theirs.filter((line) => line.marker === 'none' && isAbout(line, address));
}
