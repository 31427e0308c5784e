import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getClient } from '@azure-rest/core-client';
import type { Caller } from '../../../domain/caller.ts';
import { withDeadline } from '../../../domain/deadline.ts';
import { formatDuration } from '../../../domain/duration.ts';
import { AppError, messageOf } from '../../../domain/errors.ts';
import type { EntraAccount } from '../../../domain/ssh-choices.ts';
import { printable, shorten } from '../../../domain/text.ts';
import type { AzureSettings } from '../ask-azure.ts';
import { loginHint } from '../azure-errors.ts';
import type { ProfileEntry } from '../scope.ts';
import { limitedReplies } from '../web/reply-limit.ts';
import { retries } from '../web/retries.ts';
import { byAgents, SDK_PROXY } from '../web/web-agents.ts';
import { type Application, applicationIn } from './accounts.ts';
import { proofOf } from './client-proof.ts';
import { plainReason } from './credential.ts';
import { complaintIn, runAz } from './run-az.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The public half of an RSA key: as a JSON Web Key, and as in authorized_keys. */
export interface KeyToCertify {
  readonly jwk: { readonly kty: 'RSA'; readonly n: string; readonly e: string };
  readonly line: string;
}

/** Has Entra ID certify the key, and resolves to the certificate in SSH wire format. Rejects with an AppError. */
export type CertifyKey = (key: KeyToCertify, account: EntraAccount, caller: Caller) => Promise<Buffer>;

export interface CertifySettings
  extends Pick<AzureSettings, 'agents' | 'clock' | 'credential' | 'deadline' | 'linuxLogin' | 'authority'> {
  readonly environment: Environment;
  /** What `az` remembers now. */
  readonly profile: () => Promise<readonly ProfileEntry[]>;
}

/**
 * SSH certificates of Entra ID. Neither the SDK nor MSAL can ask for one, so applications ask the token endpoint themselves; for people, `az ssh cert`
 * does, which has their sign-in.
 */
export function certifyWithEntra(settings: CertifySettings): CertifyKey {
  const { environment, credential, clock, deadline } = settings;
  return async (key, account, caller) => {
    const application = applicationIn(environment, credential.only);
    const isByAz = !application && account.as !== '' && (credential.only ?? 'cli') === 'cli';
    if (!application && !isByAz) throw noAccount(settings);
    const expired = () =>
      new AppError('not-signed-in', `Entra ID did not issue an SSH certificate within ${formatDuration(deadline)}`, {
        hint: `${isByAz ? 'az ssh cert shows what takes so long; ' : ''}raise azure.deadline for more time`,
      });
    caller.progress(`Asking Entra ID for an SSH certificate for ${account.as}`);
    try {
      return await withDeadline({ clock, ms: deadline, signal: caller.signal, expired }, (signal) =>
        application
          ? certifyApplication(settings, { key, application, caller, signal })
          : certifyByAz(settings, { key, account, signal }),
      );
    } finally {
      caller.progress(undefined);
    }
  };
}

function noAccount({ credential }: CertifySettings): AppError {
  const otherwise = 'set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET for a service principal';
  if (credential.only === 'managed-identity' || credential.isCliSignedIn)
    return new AppError('not-signed-in', 'Entra ID does not issue SSH certificates to managed identities', {
      hint: `run az login, or ${otherwise}; ssh.entra = "never" uses keys only`,
    });
  return new AppError('not-signed-in', 'Not signed in to Azure, so Entra ID issues no SSH certificate', {
    hint: `run az login, or ${otherwise}; managed identities get no certificate`,
  });
}

/** Where applications ask. Throws `config` for one that is no URL: what proves them must not go to another cloud. */
function authorityOf({ authority }: CertifySettings): string {
  if (/^https:/.test(authority) && URL.canParse(authority)) return authority.replace(/\/+$/, '');
  throw new AppError('config', `AZURE_AUTHORITY_HOST is not a URL: "${printable(authority)}"`, {
    hint: 'https://login.microsoftonline.com and the like',
  });
}

interface Work {
  readonly key: KeyToCertify;
  readonly signal: AbortSignal;
}

interface WorkFor extends Work {
  readonly application: Application;
  readonly caller: Caller;
}

async function certifyApplication(settings: CertifySettings, { key, application, caller, signal }: WorkFor) {
  const { agents, clock, deadline, linuxLogin, environment } = settings;
  const authority = authorityOf(settings);
  const { tenant, clientId } = application;
  const path = `/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
  const { n, e } = key.jwk;
  const kid = createHash('sha256').update(`${n}${e}`).digest('hex');
  const audience = `${authority}${path}`;
  const proof = await proofOf(application, { environment, agents, signal, audience, now: clock.now() });
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    scope: linuxLogin,
    token_type: 'ssh-cert',
    key_id: kid,
    req_cnf: JSON.stringify({ ...key.jwk, kid }),
    ...proof,
  });
  const client = getClient(authority, {
    retryOptions: { maxRetries: 0 },
    proxyOptions: SDK_PROXY,
    userAgentOptions: { userAgentPrefix: 'azlin' },
    additionalPolicies: [
      { position: 'perCall', policy: byAgents(agents) },
      { position: 'perCall', policy: retries({ clock, until: clock.now() + deadline, aside: caller.aside }) },
      { position: 'perCall', policy: limitedReplies() },
    ],
  });
  client.pipeline.removePolicy({ name: 'formDataPolicy' });
  const doing = `ask ${new URL(authority).host} for an SSH certificate`;
  try {
    const { status, body } = await client.pathUnchecked(path).post({
      contentType: 'application/x-www-form-urlencoded',
      body: form.toString(),
      abortSignal: signal,
    });
    return issuedIn(status, (body ?? {}) as Readonly<Record<string, unknown>>, application);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new AppError('azure-failed', `Cannot ${doing}: ${messageOf(error)}`, {
      cause: error,
      hint: 'check the network and the proxy',
    });
  }
}

function issuedIn(status: string, body: Readonly<Record<string, unknown>>, { kind }: Application): Buffer {
  const { token_type: type, access_token: certificate, error_description: description, error } = body;
  if (status === '200' && type === 'ssh-cert' && typeof certificate === 'string')
    return Buffer.from(certificate, 'base64');
  const said = typeof description === 'string' ? description : typeof error === 'string' ? error : '';
  const reason = shorten(plainReason(said), 300) || `HTTP status ${status}, without a certificate`;
  const proof =
    kind === 'environment' ? 'AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH' : 'the federated credential';
  throw new AppError('not-signed-in', `Entra ID did not issue an SSH certificate: ${reason}`, {
    hint: `check AZURE_TENANT_ID, AZURE_CLIENT_ID and ${proof}${kind === 'environment' ? '' : '; azure.credential = "cli" uses az instead'}`,
  });
}

interface WorkByAz extends Work {
  readonly account: EntraAccount;
}

/** Has `az`, which has the sign-in of a person, ask. It takes and gives files, in a folder that only this user can read. */
async function certifyByAz(settings: CertifySettings, { key, account, signal }: WorkByAz): Promise<Buffer> {
  await checkActive(settings, account);
  signal.throwIfAborted();
  let directory: string | undefined;
  try {
    // At once, so that nothing is left behind when the process ends in the middle.
    directory = mkdtempSync(join(tmpdir(), 'azlin-entra-'));
    return await certificateByAz(settings, { key, signal, directory });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError || directory !== undefined) throw error;
    throw new AppError('config', `Cannot make a folder in ${tmpdir()}: ${messageOf(error)}`, {
      cause: error,
      hint: 'TMPDIR names the folder for temporary files',
    });
  } finally {
    if (directory !== undefined) removeFolder(directory);
  }
}

interface InFolder extends Work {
  readonly directory: string;
}

async function certificateByAz({ clock, deadline }: CertifySettings, { key, signal, directory }: InFolder) {
  writeFileSync(join(directory, 'key.pub'), `${key.line}\n`, { mode: 0o600 });
  // On Windows the words go through a shell. Without a folder in the name of the file, the extension says that the folder is not there.
  const isWindows = process.platform === 'win32';
  const place = (name: string) => (isWindows ? `./${name}` : join(directory, name));
  const words = ['ssh', 'cert', '--public-key-file', place('key.pub'), '--file', place('key-cert.pub')];
  const run = { patience: deadline, clock, abortSignal: signal, directory: isWindows ? directory : undefined };
  const { stderr, code } = await runAz(words, run).catch((error: unknown) => {
    throw byAzError(messageOf(error));
  });
  const path = join(directory, 'key-cert.pub');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const [, blob] = /^ssh-rsa-cert-v01@openssh\.com ([A-Za-z0-9+/]+=*)/m.exec(text) ?? [];
  if (code === 0 && blob !== undefined) return Buffer.from(blob, 'base64');
  throw byAzError(complaintIn(stderr) || `it made no certificate (exit code ${code})`);
}

/** Whatever subscription it is told, az asks for the one that is set. Somebody else may have signed in since. */
async function checkActive({ profile }: CertifySettings, { as, tenant, subscription }: EntraAccount): Promise<void> {
  const active = (await profile()).find(({ isDefault }) => isDefault);
  if (active?.user?.name === as && (active.tenantId ?? null) === tenant) return;
  throw new AppError('not-signed-in', `az gets SSH certificates for its active account only, which is not ${as}`, {
    hint: subscription === null ? 'az account show' : `az account set --subscription ${subscription}`,
  });
}

function removeFolder(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    // It has only public keys.
  }
}

function byAzError(complaint: string): AppError {
  if (/extension ssh\b|'ssh' is misspelled|not in the 'az' command group/i.test(complaint))
    return new AppError('not-signed-in', 'The Azure CLI (az) needs its extension "ssh" to get SSH certificates', {
      hint: 'az extension add --name ssh',
    });
  const reason = shorten(plainReason(printable(complaint)), 300);
  const isSignIn = /az login|AADSTS|sign(?:ed)? in|log(?:ged)? in/i.test(complaint);
  return new AppError('not-signed-in', `az ssh cert failed: ${reason}`, {
    hint: isSignIn ? loginHint(complaint) : 'az ssh cert --help',
  });
}
