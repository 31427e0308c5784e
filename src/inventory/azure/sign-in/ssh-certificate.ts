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
      new AppError('not-signed-in', `Entra ID did not issue an SSH certificate in ${formatDuration(deadline)}`, {
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
  const asApplication = 'AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET sign in an application';
  if (credential.only === 'managed-identity' || credential.isCliSignedIn)
    return new AppError('not-signed-in', 'Entra ID does not issue SSH certificates to managed identities', {
      hint: `az login signs in a person; ${asApplication}; ssh.entra = "never" uses keys only`,
    });
  return new AppError('not-signed-in', 'Not signed in to Azure, so Entra ID issues no SSH certificate', {
    hint: `az login signs in a person; ${asApplication}; managed identities get no certificate`,
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
  const { agents, clock, deadline, authority, linuxLogin, environment } = settings;
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
    hint: `check AZURE_TENANT_ID, AZURE_CLIENT_ID and ${proof}`,
  });
}

interface WorkByAz extends Work {
  readonly account: EntraAccount;
}

/** Has `az`, which has the sign-in of a person, ask. It takes and gives files, in a folder that only this user can read. */
async function certifyByAz({ clock, deadline }: CertifySettings, { key, account, signal }: WorkByAz): Promise<Buffer> {
  // At once, so that nothing is left behind when the process ends in the middle.
  const directory = mkdtempSync(join(tmpdir(), 'azlin-entra-'));
  try {
    writeFileSync(join(directory, 'key.pub'), `${key.line}\n`, { mode: 0o600 });
    const place = account.subscription === null ? [] : ['--subscription', account.subscription];
    // Names without a path: on Windows they go through a shell.
    const words = ['ssh', 'cert', '--public-key-file', 'key.pub', '--file', 'key-cert.pub', ...place];
    const { stderr, code } = await runAz(words, { patience: deadline, clock, abortSignal: signal, directory });
    const path = join(directory, 'key-cert.pub');
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const [, blob] = /^ssh-rsa-cert-v01@openssh\.com ([A-Za-z0-9+/]+=*)/m.exec(text) ?? [];
    if (code === 0 && blob !== undefined) return Buffer.from(blob, 'base64');
    throw byAzError(complaintIn(stderr) || `az made no certificate (exit code ${code})`);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof AppError ? error : byAzError(messageOf(error));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function byAzError(complaint: string): AppError {
  if (/extension ssh\b|'ssh' is misspelled|not in the 'az' command group/i.test(complaint))
    return new AppError(
      'not-signed-in',
      'The Azure CLI (az) has no extension "ssh", with which it gets SSH certificates',
      {
        hint: 'az extension add --name ssh',
      },
    );
  const reason = shorten(plainReason(printable(complaint)), 300);
  return new AppError('not-signed-in', `az ssh cert failed: ${reason}`, { hint: loginHint(complaint) });
}
