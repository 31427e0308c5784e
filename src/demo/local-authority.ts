import { createPublicKey, verify } from 'node:crypto';
import { type Reply, refusal } from './arm-faults.ts';

/** An application that may sign in. */
export interface ServicePrincipal {
  readonly clientId: string;
  readonly secret?: string;
  /** In PEM. Its key signs the assertion with which the application signs in. */
  readonly certificate?: string;
  /** A token from another issuer that is accepted instead of a secret: workload identity. */
  readonly federatedToken?: string;
}

export interface TokenQuestion {
  readonly pathname: string;
  readonly body: string;
  /** The URL of this authority. */
  readonly authority: string;
  readonly token: string;
  readonly principals: readonly ServicePrincipal[];
}

/** Where applications sign in, in the manner of AD FS: clients trust it without asking a server on the internet about it. */
export function tokenReply({ pathname, body, authority, token, principals }: TokenQuestion): Reply {
  // `az` adds the tenant to the path once more.
  if (/^\/adfs(\/adfs)?\/\.well-known\/openid-configuration$/.test(pathname))
    return {
      status: 200,
      body: {
        issuer: authority,
        authorization_endpoint: `${authority}/oauth2/authorize`,
        token_endpoint: `${authority}/oauth2/token`,
        jwks_uri: `${authority}/discovery/keys`,
      },
    };
  if (pathname !== '/adfs/oauth2/token') return refusal(404, 'NotFound', 'There is nothing here.');
  const form = new URLSearchParams(body);
  const principal = principals.find(({ clientId }) => clientId === form.get('client_id'));
  if (!principal)
    return refused(
      'unauthorized_client',
      `AADSTS700016: Application with identifier '${form.get('client_id')}' was not found.`,
    );
  if (!mayEnter(principal, form)) return refused('invalid_client', 'AADSTS7000215: Invalid client secret provided.');
  return { status: 200, body: { token_type: 'Bearer', expires_in: 3_600, ext_expires_in: 3_600, access_token: token } };
}

function refused(error: string, description: string): Reply {
  const text = `${description} Trace ID: 00000000-0000-0000-0000-000000000000 Correlation ID: 0 Timestamp: now`;
  return { status: 401, body: { error, error_description: text } };
}

function mayEnter({ secret, certificate, federatedToken }: ServicePrincipal, form: URLSearchParams): boolean {
  if (secret !== undefined && form.get('client_secret') === secret) return true;
  const assertion = form.get('client_assertion');
  if (assertion === null) return false;
  return assertion === federatedToken || (certificate !== undefined && isSignedBy(assertion, certificate));
}

/** Whether a JSON Web Token was signed with the key of the certificate. */
function isSignedBy(token: string, certificate: string): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { alg = '' } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') as { alg?: string };
  const key = createPublicKey(certificate);
  const padded = alg.startsWith('PS') ? { key, padding: 6, saltLength: 32 } : key;
  return verify('sha256', Buffer.from(`${header}.${payload}`), padded, Buffer.from(signature, 'base64url'));
}
