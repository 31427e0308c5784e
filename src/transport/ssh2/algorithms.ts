import type { Algorithms } from 'ssh2';
import { CIPHERS, KEX, MACS, type Weakest } from '../../domain/ssh-choices.ts';
import type { AlgorithmOffers } from './server-hello.ts';

const HOST_KEY_TYPES = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;
export type HostKeyType = (typeof HOST_KEY_TYPES)[number];

/** The algorithms offered to a server whose host keys are known to have these types. */
export function algorithmsFor(weakest: Weakest, knownTypes: readonly string[]): Required<Omit<Algorithms, 'compress'>> {
  return {
    kex: downTo(KEX, weakest.kex),
    cipher: downTo(CIPHERS, weakest.cipher),
    hmac: downTo(MACS, weakest.mac),
    serverHostKey: hostKeyOrder(knownTypes),
  };
}

function downTo<T>(list: readonly T[], last: T): T[] {
  return list.slice(0, list.indexOf(last) + 1);
}

/** Types that are already known for a host come first. Otherwise a server with several keys could seem to have changed its key. */
export function hostKeyOrder(known: readonly string[]): HostKeyType[] {
  const types = known.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
  const first = HOST_KEY_TYPES.filter((type) => types.includes(type));
  return [...first, ...HOST_KEY_TYPES.filter((type) => !first.includes(type))];
}

/** What there is no agreement on, what the server offers there, and which setting would allow it. */
export interface Disagreement {
  readonly what: string;
  readonly offered: readonly string[];
  readonly accepted: readonly string[];
  readonly setting: string | undefined;
}

/** Why there is no agreement; undefined where there is one. */
export function disagreement(weakest: Weakest, offers: AlgorithmOffers): Disagreement | undefined {
  const { kex, cipher, hmac, serverHostKey } = algorithmsFor(weakest, []);
  const kinds = [
    { what: 'key exchange', offered: offers.kex, accepted: kex, all: KEX, name: 'weakest_kex' },
    { what: 'host key', offered: offers.hostKey, accepted: serverHostKey, all: [], name: '' },
    { what: 'cipher', offered: offers.cipher, accepted: cipher, all: CIPHERS, name: 'weakest_cipher' },
    { what: 'MAC', offered: offers.mac, accepted: hmac, all: MACS, name: 'weakest_mac' },
  ];
  const odd = kinds.find(
    ({ offered, accepted }) => !offered.some((one) => (accepted as readonly string[]).includes(one)),
  );
  if (!odd) return undefined;
  const allowing = (odd.all as readonly string[]).find((one) => odd.offered.includes(one));
  const setting = allowing === undefined ? undefined : `ssh.${odd.name} = "${allowing}"`;
  return { what: odd.what, offered: odd.offered, accepted: odd.accepted as readonly string[], setting };
}
