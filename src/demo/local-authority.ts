import { createHash, createPublicKey, verify } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Reply, refusal } from './arm-faults.ts';
import { rsaKeyLine, type UserAuthority } from './user-authority.ts';

/** An application that may sign in. */
export interface ServicePrincipal {
  readonly clientId: string;
  readonly secret?: string;
  /** In PEM. Its key signs the assertion with which the application signs in. */
  readonly certificate?: string;
  /** A token from another issuer that is accepted instead of a secret: workload identity. */
  readonly federatedToken?: string;
  /** The names in its SSH certificates. */
  readonly users?: readonly string[];
  /** From when until when they are good, as ssh-keygen takes it. */
  readonly validity?: string;
}

export interface TokenQuestion {
  readonly pathname: string;
  readonly body: string;
  /** The URL of this authority. */
  readonly authority: string;
  readonly token: string;
  readonly principals: readonly ServicePrincipal[];
  /** Certifies SSH keys of users. */
  readonly userAuthority: UserAuthority;
}

/** Where applications sign in, in the manner of AD FS: clients trust it without asking a server on the internet about it. */
export async function tokenReply(question: TokenQuestion): Promise<Reply> {
  const { pathname, body, authority, token, principals } = question;
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
  // The first one is of AD FS, the other one of Entra ID.
  if (pathname !== '/adfs/oauth2/token' && pathname !== '/adfs/oauth2/v2.0/token')
    return refusal(404, 'NotFound', 'There is nothing here.');
  const form = new URLSearchParams(body);
  const principal = principals.find(({ clientId }) => clientId === form.get('client_id'));
  if (!principal)
    return refused(
      'unauthorized_client',
      `AADSTS700016: Application with identifier '${form.get('client_id')}' was not found.`,
    );
  if (!mayEnter(principal, form, audienceOf(question)))
    return refused('invalid_client', 'AADSTS7000215: Invalid client secret provided.');
  if (form.get('token_type') === 'ssh-cert') return certificateReply(form, principal, question.userAuthority);
  return { status: 200, body: { token_type: 'Bearer', expires_in: 3_600, ext_expires_in: 3_600, access_token: token } };
}

const LINUX_LOGIN = 'https://pas.windows.net/CheckMyAccess/Linux/.default';

/** An SSH certificate in the place of a token. As in Azure, only for RSA keys of a fair length whose id is right. */
async function certificateReply(
  form: URLSearchParams,
  { users = [userInfo().username], validity }: ServicePrincipal,
  { certify }: UserAuthority,
): Promise<Reply> {
  const invalid = (what: string) => refused('invalid_request', `AADSTS9002313: Invalid request. ${what}`);
  if (form.get('scope') !== LINUX_LOGIN) return invalid('The scope is not that of Linux VMs.');
  const jwk = JSON.parse(form.get('req_cnf') ?? '{}') as Readonly<Record<string, string | undefined>>;
  const { kty, n = '', e = '', kid } = jwk;
  if (kty !== 'RSA' || Buffer.from(n, 'base64url').length < 256) return invalid('The key is not RSA of 2048 bits.');
  const right = createHash('sha256').update(n).update(e).digest('hex');
  if (kid !== right || form.get('key_id') !== right) return invalid('The id of the key is wrong.');
  const certificate = await certify(rsaKeyLine(n, e), users, validity);
  // Azure gives the number of seconds as text here.
  return { status: 200, body: { token_type: 'ssh-cert', expires_in: '3599', access_token: certificate } };
}

function refused(error: string, description: string): Reply {
  const text = `${description} Trace ID: 00000000-0000-0000-0000-000000000000 Correlation ID: 0 Timestamp: now`;
  return { status: 401, body: { error, error_description: text } };
}

/** Where workflows of GitHub get tokens about themselves, with the token of their job. */
export function githubReply(authorization: string | undefined, principals: readonly ServicePrincipal[]): Reply {
  if (authorization !== 'Bearer github-request-token') return refusal(401, 'Unauthorized', 'Bad credentials');
  const [value] = principals.flatMap(({ federatedToken }) => federatedToken ?? []);
  return { status: 200, body: { count: 1, value } };
}

/** What assertions must be for; AD FS is not asked about that. */
function audienceOf({ pathname, authority }: TokenQuestion): string | undefined {
  return pathname.includes('/v2.0/') ? `${new URL(authority).origin}${pathname}` : undefined;
}

function mayEnter(
  { clientId, secret, certificate, federatedToken }: ServicePrincipal,
  form: URLSearchParams,
  audience: string | undefined,
): boolean {
  if (secret !== undefined && form.get('client_secret') === secret) return true;
  const assertion = form.get('client_assertion');
  if (assertion === null) return false;
  if (assertion === federatedToken) return true;
  if (certificate === undefined || !isSignedBy(assertion, certificate)) return false;
  const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as Claims;
  return audience === undefined || (claims.aud === audience && claims.iss === clientId && claims.sub === clientId);
}

interface Claims {
  readonly aud?: string;
  readonly iss?: string;
  readonly sub?: string;
}

/** Whether a JSON Web Token was signed with the key of the certificate. */
function isSignedBy(token: string, certificate: string): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { alg = '' } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') as { alg?: string };
  const key = createPublicKey(certificate);
  const padded = alg.startsWith('PS') ? { key, padding: 6, saltLength: 32 } : key;
  return verify('sha256', Buffer.from(`${header}.${payload}`), padded, Buffer.from(signature, 'base64url'));
}
