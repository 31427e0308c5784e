import { withoutSecrets } from './secrets.ts';

/** Sorted by what the user does next; `error-traits.ts` gives each its exit code. */
export type ErrorCode =
  // report it
  | 'bug'
  // fix what was typed or configured
  | 'usage'
  | 'invalid-identifier'
  | 'config'
  // look at what there is
  | 'vm-not-found'
  | 'session-not-found'
  | 'job-not-found'
  | 'client-not-found'
  // choose one
  | 'ambiguous'
  // sign in, or ask for access
  | 'not-signed-in'
  | 'azure-denied'
  | 'ssh-denied'
  // check the VM's identity
  | 'host-key-changed'
  | 'host-key-unknown'
  | 'host-key-revoked'
  // start the VM, fix the network, install tmux, try again
  | 'vm-not-running'
  | 'unreachable'
  | 'timed-out'
  | 'connection-lost'
  | 'detached'
  | 'tmux-missing'
  | 'tmux-failed'
  | 'vm-failed'
  | 'pane-busy'
  | 'azure-failed'
  | 'registry-failed'
  | 'interrupted';

/** One way the user could have meant it. */
export interface Candidate {
  readonly identifier: string;
  readonly ip: string | null;
}

export interface Candidates {
  /** The line above the list, without a colon: `Found on 2 VMs`. */
  readonly title: string;
  readonly items: readonly Candidate[];
}

export interface ErrorDetails {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly candidates?: Candidates | undefined;
  /** The VM may have done what was asked despite the error, so it is not asked again. */
  readonly mayHaveRun?: boolean;
}

/** The only error that users see; adapters translate vendor errors into it once and keep `cause`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly candidates: Candidates | undefined;
  readonly mayHaveRun: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(withoutSecrets(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AppError';
    this.code = code;
    this.hint = details.hint === undefined ? undefined : withoutSecrets(details.hint);
    this.candidates = details.candidates;
    this.mayHaveRun = details.mayHaveRun === true;
  }
}

/** The same error, for something that may have been done before it; `more` is added to its message. */
export function inDoubt(thrown: unknown, more = ''): AppError {
  const { code, message, hint, candidates } = toAppError(thrown);
  return new AppError(code, `${message}${more}`, { hint, candidates, cause: thrown, mayHaveRun: true });
}

/** Anything thrown, as an AppError. What is not one already is a bug in azlin, unless this machine is out of resources. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isWithoutRoom(thrown)) return noRoom(thrown);
  return new AppError('bug', messageOf(thrown), { cause: thrown });
}

/** Whether this machine is out of resources: too many open files or processes, or too little memory. */
export function isWithoutRoom(thrown: unknown): boolean {
  const { code = '', syscall = '' } = (thrown ?? {}) as { code?: string; syscall?: string };
  if (code === 'EAGAIN') return /^(?:spawn|fork)/.test(syscall);
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(code) || /RangeError.*Out of memory/.test(`${thrown}`);
}

/** Whether an error came of that, at whatever depth. */
export function isForWantOfRoom(thrown: unknown): boolean {
  return (
    isWithoutRoom(thrown) || (thrown instanceof Error && thrown.cause !== undefined && isForWantOfRoom(thrown.cause))
  );
}

export function noRoom(thrown: unknown): AppError {
  return new AppError('config', `This machine is out of resources: ${messageOf(thrown)}`, {
    hint: 'ulimit -a shows the limits: open files (-n), memory (-v), processes (-u)',
    cause: thrown,
  });
}

/** The message of anything thrown, to put into other text. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(messageOf).join('; ');
  return thrown instanceof Error ? thrown.message : String(thrown);
}
