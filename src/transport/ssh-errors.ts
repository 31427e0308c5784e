import { AppError, messageOf } from '../domain/errors.ts';
import { printable, shorten } from '../domain/text.ts';
import type { Endpoint } from './endpoint.ts';

/** How far a connection attempt has come. */
export type Stage = 'connect' | 'handshake' | 'authenticate';

/** `"myvm" (azureuser@20.1.2.3)`, with the port where it is not 22. */
export function describeEndpoint({ label, user, address, port }: Endpoint): string {
  const at = `${user}@${address}${port === 22 ? '' : ` port ${port}`}`;
  return label === address ? `"${at}"` : `"${label}" (${at})`;
}

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'unknown host name',
  EAI_AGAIN: 'the host name could not be looked up',
};

const REACH_HINT = 'check that the VM runs, that sshd listens there and that the network lets you through';

/** What went wrong while connecting, in the user's words. */
export function connectError(endpoint: Endpoint, stage: Stage, error: unknown): AppError {
  const code = (error as { code?: string }).code ?? '';
  const reason = SOCKET_ERRORS[code] ?? messageOf(error);
  if (stage === 'connect')
    return new AppError('unreachable', `Cannot connect to ${describeEndpoint(endpoint)}: ${reason}`, {
      cause: error,
      hint: REACH_HINT,
    });
  if (/no matching/i.test(reason))
    return new AppError('unreachable', `Cannot agree on encryption with ${describeEndpoint(endpoint)}: ${reason}`, {
      cause: error,
      hint: "azlin uses modern algorithms only; update the VM's SSH server",
    });
  return new AppError(
    'unreachable',
    `Connected to ${describeEndpoint(endpoint)}, but its SSH server hung up: ${reason}`,
    { cause: error, hint: 'the server may be overloaded or starting; try again' },
  );
}

/** The deadline passed at `stage`. */
export function connectTimeout(endpoint: Endpoint, stage: Stage, limit: string): AppError {
  const who = describeEndpoint(endpoint);
  const message: Record<Stage, string> = {
    connect: `Cannot connect to ${who}: no answer in ${limit}`,
    handshake: `Connected to ${who}, but its SSH server did not answer in ${limit}`,
    authenticate: `Connected to ${who}, but signing in took longer than ${limit}`,
  };
  return new AppError('timed-out', message[stage], { hint: REACH_HINT });
}

/** No identity was accepted. */
export function denied(endpoint: Endpoint, tried: readonly string[], skipped: readonly string[]): AppError {
  const offered = tried.length === 0 ? 'there was no key to offer' : `it refused ${tried.join(', ')}`;
  const notes = skipped.map((line) => `\n  not tried: ${line}`).join('');
  return new AppError('ssh-denied', `Cannot sign in to ${describeEndpoint(endpoint)}: ${offered}${notes}`, {
    hint: 'name the private key with --identity and the user with --user, or load the key with ssh-add',
  });
}

/** The server counted more refused keys than it allows; an agent that holds many does that. */
export function tooManyKeys(endpoint: Endpoint, tried: readonly string[], cause: unknown): AppError {
  const message = `Cannot sign in to ${describeEndpoint(endpoint)}: too many keys were offered (${tried.join(', ')})`;
  return new AppError('ssh-denied', message, { cause, hint: 'name the right private key with --identity' });
}

/** The link broke before the command was heard of. */
export function lostEarly(endpoint: Endpoint, cause: unknown): AppError {
  const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
  const message = `The connection to ${describeEndpoint(endpoint)} was lost before anything was started${reason}`;
  return new AppError('connection-lost', message, { cause, hint: 'try again; the log of sshd on the VM may tell why' });
}

/** The server is there but does not do what was asked. */
export function refusedRequest(endpoint: Endpoint, error: Error): AppError {
  const what = /pseudo-terminal/.test(error.message) ? 'to give a terminal' : 'to run commands';
  return new AppError('ssh-denied', `The SSH server of ${describeEndpoint(endpoint)} refuses ${what}`, {
    cause: error,
    hint: 'see PermitTTY and ForceCommand in its sshd_config, the options in authorized_keys, and its log',
  });
}

/** The link broke while a process ran. */
export function lost(endpoint: Endpoint, cause: unknown): AppError {
  const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new AppError('connection-lost', `The connection to ${describeEndpoint(endpoint)} was lost${reason}`, {
    cause,
    hint: 'what ran there may still be running',
  });
}

/** The login shell ended without running the command: no such shell, a locked account, a broken start-up file. */
export function noCommand(endpoint: Endpoint, noise: string): AppError {
  const said = shorten(printable(noise.replace(/\s+/g, ' ')), 300);
  return new AppError(
    'ssh-denied',
    `The login shell of ${describeEndpoint(endpoint)} ended before the command${said ? `: ${said}` : ''}`,
    { hint: "check the user's login shell and its start-up files on the VM" },
  );
}
