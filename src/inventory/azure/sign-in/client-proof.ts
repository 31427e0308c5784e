import { constants, createHash, createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '../../../domain/errors.ts';
import { keepSecret } from '../../../domain/secrets.ts';
import type { WebAgents } from '../web/web-agents.ts';
import type { Application } from './accounts.ts';
import { githubToken } from './github-token.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProofRequest {
  readonly environment: Environment;
  readonly agents: WebAgents;
  readonly signal: AbortSignal;
  /** The URL that the proof is for. */
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The fields of a request by which an application shows that it is the one: its secret, an assertion signed with its certificate, or a token of an issuer that Azure trusts. Rejects with `config`. */
export async function proofOf({ kind, clientId, github }: Application, request: ProofRequest) {
  const { environment, agents, signal } = request;
  const assertion = (text: string) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: text,
  });
  if (github) return assertion(await githubToken(github, agents, signal));
  const { AZURE_CLIENT_SECRET: secret, AZURE_FEDERATED_TOKEN_FILE: tokenFile = '' } = environment;
  if (kind === 'workload-identity') {
    const token = (await readNamed(tokenFile, 'AZURE_FEDERATED_TOKEN_FILE')).trim();
    keepSecret(token);
    return assertion(token);
  }
  if (secret) {
    keepSecret(secret);
    return { client_secret: secret };
  }
  const variable = 'AZURE_CLIENT_CERTIFICATE_PATH';
  const pem = await readNamed(environment[variable] ?? '', variable);
  try {
    return assertion(signedAssertion(request, pem, clientId));
  } catch (error) {
    throw new AppError('config', `Cannot use ${environment[variable]} (set by ${variable}): ${messageOf(error)}`, {
      hint: 'expected a certificate and its private key in PEM; AZURE_CLIENT_CERTIFICATE_PASSWORD decrypts the key',
    });
  }
}

async function readNamed(path: string, variable: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('config', `Cannot read ${path} (set by ${variable}): ${messageOf(error)}`, { cause: error });
  }
}

/** How long an assertion is good for, in seconds. */
const LIFE = 600;

/** A JSON Web Token by which the holder of the certificate's key shows itself (RFC 7523). */
function signedAssertion({ environment, audience, now }: ProofRequest, pem: string, clientId: string): string {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificate = new X509Certificate(certificates[0] ?? '');
  const passphrase = environment['AZURE_CLIENT_CERTIFICATE_PASSWORD'];
  const key = createPrivateKey(passphrase ? { key: pem, passphrase } : pem);
  const isChainSent = /^(1|true)$/i.test(environment['AZURE_CLIENT_SEND_CERTIFICATE_CHAIN'] ?? '');
  const seconds = Math.floor(now / 1_000);
  const header = {
    alg: 'PS256',
    typ: 'JWT',
    'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url'),
    ...(isChainSent ? { x5c: certificates.map((one) => new X509Certificate(one).raw.toString('base64')) } : {}),
  };
  const claims = { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), nbf: seconds, exp: seconds + LIFE };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return `${text}.${sign('sha256', Buffer.from(text), { key, ...padding }).toString('base64url')}`;
}
