import { AppError, type ErrorCode, isWithoutRoom, messageOf, noRoom } from '../domain/errors.ts';
import { count, printable, shorten } from '../domain/text.ts';
import type { Endpoint } from './endpoint.ts';
import { disagreement } from './ssh2/algorithms.ts';
import type { ServerHello } from './ssh2/server-hello.ts';
import type { HostAndPort } from './transport.ts';

/** How far a connection attempt has got: reaching the address, the first words of the server, agreeing on encryption, signing in. */
export type Stage = 'connect' | 'hello' | 'key-exchange' | 'authenticate';

type Place = Pick<Endpoint, 'label' | 'user' | 'address' | 'port'>;

/** `"myvm" (azureuser@20.1.2.3)`, with the port where it is not 22. */
export function describeEndpoint({ label, user, address, port }: Place): string {
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

const REACH_HINT = 'check that the VM is running, that sshd listens there and that the network lets you through';

function reachHint({ unused }: Endpoint): string {
  return unused ? `${unused.problem}; ${unused.cure}` : REACH_HINT;
}

/** The reason in the user's words. */
export function reasonOf(error: unknown): string {
  return SOCKET_ERRORS[(error as { code?: string }).code ?? ''] ?? messageOf(error);
}

/** The address cannot be reached. */
export function cannotConnect(endpoint: Endpoint, error: unknown): AppError {
  return new AppError('unreachable', `Cannot connect to ${describeEndpoint(endpoint)}: ${reasonOf(error)}`, {
    cause: error,
    hint: reachHint(endpoint),
  });
}

/** Error codes of a jump host that are passed on. Any other error of it means that the VM is unreachable. */
const AS_THE_HOP: readonly ErrorCode[] = [
  'ssh-denied',
  'host-key-changed',
  'host-key-unknown',
  'host-key-revoked',
  'timed-out',
];

/** A jump host fails, or cannot reach the endpoint. */
export function cannotJump(endpoint: Endpoint, hop: string, error: unknown): AppError {
  const { code, hint } = error instanceof AppError ? error : { code: 'unreachable' as const, hint: JUMP_HINT };
  const message = `Cannot connect to ${describeEndpoint(endpoint)} through "${hop}": ${messageOf(error)}`;
  return new AppError(AS_THE_HOP.includes(code) ? code : 'unreachable', message, { cause: error, hint });
}

const JUMP_HINT = "check that it allows forwarding (AllowTcpForwarding) and can reach the VM's address and port";

/** The connection ended at `stage`, or what came over it makes no sense. */
export function hungUp(endpoint: Endpoint, stage: Stage, { hello, error }: Ending): AppError {
  if (isWithoutRoom(error)) return noRoom(error);
  const { heard, greeting, version } = hello;
  const said = shorten(printable(greeting.trim().replace(/\s+/g, ' ')), 200);
  const isOther = heard && version === undefined && said !== '' && !SHEDDING.test(said);
  const reason = said !== '' && version === undefined ? `"${said}"` : reasonOf(error);
  const what: Record<Exclude<Stage, 'connect'>, string> = {
    hello: isOther ? 'what answers there is not an SSH server' : 'its SSH server closed the connection',
    'key-exchange': 'its SSH server closed the connection during key exchange',
    authenticate: 'its SSH server closed the connection during sign-in',
  };
  const message = `Connected to ${describeEndpoint(endpoint)}, but ${what[stage === 'connect' ? 'hello' : stage]}: ${reason}`;
  return new AppError('unreachable', message, {
    cause: error,
    hint: isOther ? 'check the port' : 'the server may be overloaded or starting; try again',
  });
}

/** What OpenSSH says when it turns a connection away for now. */
const SHEDDING = /MaxStartups|Not allowed at this time/i;

/** Whether a server that has hung up may accept a connection a moment later: it has said so, or it has said nothing. */
export function mayShed({ heard, greeting, version }: ServerHello): boolean {
  return version === undefined && (!heard || SHEDDING.test(greeting));
}

export interface Ending {
  readonly hello: ServerHello;
  readonly error: unknown;
}

/** azlin and the server have no algorithm in common. */
export function noAgreement(endpoint: Endpoint, { hello, error }: Ending): AppError {
  const odd = hello.offers && disagreement(endpoint.ssh.weakest, hello.offers);
  const only = odd
    ? `for ${odd.what} it offers only ${shorten(printable(odd.offered.join(', ')), 200)}`
    : messageOf(error);
  return new AppError('unreachable', `Cannot agree on encryption with ${describeEndpoint(endpoint)}: ${only}`, {
    cause: error,
    hint: odd?.setting
      ? `azlin only uses modern algorithms; update the VM's SSH server, or allow this one: ${odd.setting}`
      : `azlin supports none of these; make the VM's SSH server offer one of ${odd?.accepted.slice(0, 3).join(', ') ?? 'its usual ones'}`,
  });
}

/** The deadline of `stage` passed. */
export function connectTimeout(endpoint: Endpoint, stage: Stage, limit: string): AppError {
  const who = describeEndpoint(endpoint);
  const message: Record<Stage, string> = {
    connect: `Cannot connect to ${who}: no answer in ${limit}`,
    hello: `Connected to ${who}, but its SSH server did not answer in ${limit}`,
    'key-exchange': `Connected to ${who}, but agreeing on encryption took longer than ${limit}`,
    authenticate: `Connected to ${who}, but signing in took longer than ${limit}`,
  };
  const hint =
    stage === 'connect' ? reachHint(endpoint) : 'the VM may be overloaded; raise ssh.connect_timeout for more time';
  return new AppError('timed-out', message[stage], { hint });
}

/** A channel was asked for, or a command in it, and no answer came. */
export function channelTimeout(endpoint: Endpoint, limit: string, isSent: boolean): AppError {
  const what = isSent ? 'did not confirm the command' : 'did not open a channel';
  const message = `Signed in to ${describeEndpoint(endpoint)}, but its SSH server ${what} within ${limit}`;
  return new AppError('timed-out', message, { hint: 'the VM may be overloaded; try again' });
}

/** How signing in was tried. */
export interface Tried {
  /** What was offered and refused. */
  readonly refused: readonly string[];
  /** What the server accepted and wanted a signature of, but then did not let us in. */
  readonly signed: readonly string[];
  /** What could not be tried, and why. */
  readonly notes: readonly string[];
  /** The authentication methods that the server allows; undefined when it did not say. */
  readonly methods: readonly string[] | undefined;
  /** How many keys were not offered, because the server hangs up after a few. */
  readonly left: number;
  /** Whether a certificate was refused. */
  readonly isCertified: boolean;
}

/** The first of the names, since an agent may hold dozens of keys. */
function few(names: readonly string[]): string {
  const shown = names.slice(0, 4);
  return names.length > shown.length + 1
    ? `${shown.join(', ')} and ${names.length - shown.length} more`
    : names.join(', ');
}

const OTHER_KEY = 'name the private key with --identity and the user with --user, or load the key with ssh-add';
const OTHER_CERTIFICATE =
  'a certificate is good for the users that it names (--user), where TrustedUserCAKeys of sshd names its authority';
const FEWER_KEYS = 'name the private key with --identity, and load fewer keys into the agent or set IdentitiesOnly yes';

/** No identity was accepted. */
export function denied(endpoint: Endpoint, { refused, signed, notes, methods, left, isCertified }: Tried): AppError {
  const all = [...refused, ...signed];
  const offered = all.length === 0 ? 'there was no key to offer' : `it refused ${few(all)}`;
  const isMore = methods && !methods.includes('publickey');
  const others = methods?.map((method) => (method === 'publickey' ? 'another key' : method)) ?? ['another key'];
  const wants = `${others.join(' or ')}; azlin only signs in with keys`;
  const said = signed.length > 0 ? `it accepted ${few(signed)} and also wants: ${wants}` : offered;
  const lines = notes.map((line) => `\n  not tried: ${line}`).join('');
  const other = isMore && signed.length === 0 ? `\n  it wants ${wants}` : '';
  const rest =
    left === 0 ? '' : `\n  not tried: ${count(left, 'more key')}; the server closes the connection after a few`;
  return new AppError('ssh-denied', `Cannot sign in to ${describeEndpoint(endpoint)}: ${said}${lines}${rest}${other}`, {
    hint: left > 0 ? FEWER_KEYS : isCertified ? OTHER_CERTIFICATE : OTHER_KEY,
  });
}

/** The link broke before the script answered. */
export function lostEarly(endpoint: Endpoint, cause: unknown): AppError {
  const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
  const message = `The connection to ${describeEndpoint(endpoint)} was lost before the command could be confirmed${reason}`;
  return new AppError('connection-lost', message, { cause, hint: 'try again; the log of sshd on the VM may say why' });
}

/** The server did not connect to the requested address. */
export function refusedForward({ host, port }: HostAndPort, error: unknown): Error {
  const why = messageOf(error).replace(/^\(SSH\) Channel open failure: /, '');
  return new Error(`it cannot reach ${host} port ${port}: ${printable(why)}`, { cause: error });
}

/** The server is there but does not do what was asked. */
export function refusedRequest(endpoint: Endpoint, error: Error): AppError {
  const what = /pseudo-terminal/.test(error.message) ? 'to allocate a terminal' : 'to run commands';
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
    hint: 'the command may still be running there',
  });
}

/** Exit codes for a script that has not begun (frame.ts, remote/parts/prelude.sh), and what they mean. */
const NOT_BEGUN: Readonly<Record<number, readonly [reason: string, hint: string]>> = {
  250: ['it has no `head` command that takes a number of bytes', 'install coreutils or busybox there'],
  251: ['its start-up files read all of standard input', 'make them read from /dev/null, or only if [ -t 0 ]'],
  252: ['its start-up files took too long', 'check .bashrc, .profile and .zshenv on the VM'],
  253: ['its start-up files redirect standard output', 'make them do that only if [ -t 1 ]'],
};

/** Standard error shows that the script has run, but its answer went somewhere else. */
export function unanswered(endpoint: Endpoint): AppError {
  const [reason, hint] = NOT_BEGUN[253] ?? [];
  return new AppError('vm-failed', `No output came back from ${describeEndpoint(endpoint)}: ${reason}`, {
    hint,
  });
}

/** The login shell ended without running the script: no such shell, a locked account, a broken start-up file. */
export function noCommand(endpoint: Endpoint, noise: string, code: number | undefined): AppError {
  const [reason, cure] = NOT_BEGUN[code ?? 0] ?? [];
  if (reason !== undefined)
    return new AppError(
      'ssh-denied',
      `The login shell on ${describeEndpoint(endpoint)} did not run the command: ${reason}`,
      {
        hint: cure,
      },
    );
  const said = shorten(printable(noise.replace(/\s+/g, ' ')), 300);
  const how = code === undefined ? '' : ` (exit code ${code})`;
  return new AppError(
    'ssh-denied',
    `The login shell on ${describeEndpoint(endpoint)} exited before running the command${how}${said ? `: ${said}` : ''}`,
    {
      hint: 'azlin needs a login shell that can run `exec sh`, as bash, zsh, fish and tcsh can; check chsh and the start-up files there',
    },
  );
}
