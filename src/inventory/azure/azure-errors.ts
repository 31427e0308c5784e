import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shorten } from '../../domain/text.ts';

/** A reply of Resource Manager that is no success. */
export interface RefusedReply {
  readonly status: number;
  readonly body: string;
  /** What was asked for: `virtual machines of subscription …`. */
  readonly what: string;
}

/** Azure's own message, sorted by what the user does next. */
export function refusalError({ status, body, what }: RefusedReply): AppError {
  const { code, message } = armError(body);
  const reason = shorten(printable(`${code ? `${code}: ` : ''}${message || `HTTP status ${status}`}`), 600);
  const cause = new Error(`HTTP ${status}`);
  if (status === 401)
    return new AppError('not-signed-in', `Azure refused the sign-in for the ${what}: ${reason}`, {
      cause,
      hint: loginHint(message),
    });
  if (status === 404 && code === 'ResourceGroupNotFound')
    return new AppError('usage', `Cannot list the ${what}: ${reason}`, { cause, hint: 'az group list --output table' });
  if (status === 403 || status === 404)
    return new AppError('azure-denied', `Cannot list the ${what}: ${reason}`, {
      cause,
      hint: 'az account list --output table   shows your subscriptions; reading VMs and addresses needs the role Reader',
    });
  const hint =
    status === 429 ? 'Azure limits how often it may be asked; try again in a minute' : 'try again in a minute';
  return new AppError('azure-failed', `Azure could not list the ${what}: ${reason}`, { cause, hint });
}

/** Anything that the SDK throws, as an AppError. */
export function azureError(thrown: unknown, endpoint: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = thrown as { name?: string; code?: string };
  if (/Credential|Authentication/.test(error.name ?? '')) return signInError(thrown);
  if (
    error.code === 'REQUEST_SEND_ERROR' ||
    /^E[A-Z_]+$/.test(error.code ?? '') ||
    /certificate/i.test(messageOf(thrown))
  )
    return unreachableError(thrown, endpoint);
  return new AppError(
    'azure-failed',
    `Azure Resource Manager at ${endpoint} sent what azlin cannot read: ${messageOf(thrown)}`,
    {
      cause: thrown,
      hint: 'check azure.resource_manager; if it is right, report this with --verbose',
    },
  );
}

function armError(body: string): { readonly code: string; readonly message: string } {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string; message?: string } };
    return { code: error?.code ?? '', message: error?.message ?? '' };
  } catch {
    return { code: '', message: '' };
  }
}

function loginHint(message: string): string {
  const tenant = /sts\.windows\.net\/([0-9a-f-]{36})\/' associated|must match the tenant '[^']*\/([0-9a-f-]{36})/i.exec(
    message,
  );
  const id = tenant?.[1] ?? tenant?.[2];
  return id ? `az login --tenant ${id}` : 'az login';
}

function signInError(thrown: unknown): AppError {
  const tried =
    thrown instanceof Error && 'errors' in thrown ? (thrown.errors as unknown[]).map(messageOf) : [messageOf(thrown)];
  const reasons = tried.map((text) => `\n  ${shorten(printable(text.replace(/\s+/g, ' ').trim()), 200)}`).join('');
  return new AppError('not-signed-in', `Not signed in to Azure. What was tried:${reasons}`, {
    cause: thrown,
    hint: 'az login',
  });
}

function unreachableError(thrown: unknown, endpoint: string): AppError {
  const reason = messageOf(thrown);
  const hint = /certificate/i.test(reason)
    ? 'if its certificate comes from your own authority, name that in NODE_EXTRA_CA_CERTS'
    : 'check the network, the proxy and azure.resource_manager';
  return new AppError('azure-failed', `Cannot reach Azure Resource Manager at ${endpoint}: ${reason}`, {
    cause: thrown,
    hint,
  });
}
