import ssh2, { type ParsedKey } from 'ssh2';
import { wireString } from '../host-keys/ssh-wire.ts';
import { type ParseKey, type PrivateKey, parsePkcs8 } from '../identities/key-file.ts';

/** Private keys in OpenSSH's format, in PEM and in PKCS #8. */
export const parsePrivateKey: ParseKey = (text, passphrase) => {
  const pkcs8 = parsePkcs8(text, passphrase, parsePrivateKey);
  if (pkcs8 !== undefined) return pkcs8;
  const parsed = ssh2.utils.parseKey(text, passphrase);
  // A bundle gives a list, whose first entry is the key.
  const key = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (key instanceof Error) {
    if (passphrase !== undefined || /encrypted/i.test(key.message)) return 'encrypted';
    throw new Error('it holds no key that azlin can read');
  }
  if (key === undefined) throw new Error('it holds no key');
  return privateKey(key);
};

function privateKey(key: ParsedKey): PrivateKey {
  return {
    publicKey: key.getPublicSSH(),
    sign(data, hash) {
      const signature = key.sign(data, key.type === 'ssh-rsa' ? hash : undefined);
      if (signature instanceof Error) throw signature;
      return key.type.startsWith('ecdsa-') ? wireOfEcdsa(signature) : signature;
    },
  };
}

/** The two numbers of an ECDSA signature, which OpenSSL gives in ASN.1: SEQUENCE { INTEGER r, INTEGER s }. */
function wireOfEcdsa(der: Buffer): Buffer {
  const isLong = der[1] === 0x81;
  let at = isLong ? 3 : 2;
  const number = () => {
    const start = at + 2;
    at = start + (der[at + 1] ?? 0);
    return wireString(der.subarray(start, at));
  };
  return Buffer.concat([number(), number()]);
}
