import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  /** It is its own authority, for NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
}

/** A certificate for 127.0.0.1. Each fleet gets a new one, which is valid for a day. */
export async function loopbackCertificate(now: number): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'azlin demo' }], {
    keyType: 'ec',
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + 86_400_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  return { key, certificate: cert };
}
