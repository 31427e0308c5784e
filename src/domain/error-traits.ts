import type { ErrorCode } from './errors.ts';

/**
 * How an error is treated besides being reported.
 * - `old-address`: the VM's address may be out of date: another machine is there, or nothing, or the address makes no sense.
 * - `news`: a fresh lookup has found something out; it does not mean that the lookup failed.
 * - `booting`: a VM that is still booting looks like this: nothing listens, or the server hangs up.
 * - `silent`: nothing has answered, so it is worth waiting until something does.
 * - `begin-again`: nothing has happened yet, and the same may work a moment later. A refused key is not retried: some servers block clients
 *   that retry.
 * - `ask-again`: a moment later, the same VM may say whether it has started a job.
 * - `follow-again`: another connection may continue where this one has stopped following a job.
 * - `attach-again`: another connection may attach to the same session.
 */
type Trait =
  | 'old-address'
  | 'news'
  | 'booting'
  | 'silent'
  | 'begin-again'
  | 'ask-again'
  | 'follow-again'
  | 'attach-again';

interface ErrorTraits {
  /** The exit code of azlin; docs/exit-codes.md explains them. `exec` gives 255 for all of them, as ssh does. */
  readonly exit: number;
  readonly traits: readonly Trait[];
}

const of = (exit: number, ...traits: readonly Trait[]): ErrorTraits => ({ exit, traits });

const TRAITS: Readonly<Record<ErrorCode, ErrorTraits>> = {
  bug: of(1),
  usage: of(2),
  'invalid-identifier': of(2, 'attach-again'),
  config: of(2, 'old-address', 'attach-again'),
  'vm-not-found': of(3, 'news'),
  'session-not-found': of(3, 'news', 'follow-again'),
  'job-not-found': of(3, 'attach-again'),
  'client-not-found': of(3, 'follow-again', 'attach-again'),
  ambiguous: of(4, 'news', 'attach-again'),
  'not-signed-in': of(5, 'follow-again', 'attach-again'),
  'azure-denied': of(5, 'follow-again', 'attach-again'),
  'ssh-denied': of(5, 'old-address', 'ask-again', 'follow-again', 'attach-again'),
  'host-key-changed': of(6, 'old-address'),
  'host-key-unknown': of(6, 'old-address', 'follow-again'),
  'host-key-revoked': of(6, 'old-address'),
  'vm-not-running': of(7, 'old-address', 'silent', 'begin-again', 'attach-again'),
  unreachable: of(7, 'old-address', 'booting', 'silent', 'begin-again', 'ask-again', 'follow-again', 'attach-again'),
  'timed-out': of(7, 'old-address', 'booting', 'silent', 'begin-again', 'ask-again', 'follow-again', 'attach-again'),
  'connection-lost': of(7, 'booting', 'begin-again', 'ask-again', 'follow-again', 'attach-again'),
  detached: of(7, 'follow-again'),
  'tmux-missing': of(7, 'follow-again'),
  'tmux-failed': of(7, 'begin-again', 'follow-again', 'attach-again'),
  'vm-failed': of(7, 'begin-again', 'follow-again', 'attach-again'),
  'pane-busy': of(7, 'begin-again', 'follow-again', 'attach-again'),
  'azure-failed': of(7, 'begin-again', 'ask-again', 'follow-again', 'attach-again'),
  'registry-failed': of(7),
  interrupted: of(130, 'news'),
};

export function exitCodeOf(code: ErrorCode): number {
  return TRAITS[code].exit;
}

export function hasTrait(code: ErrorCode, trait: Trait): boolean {
  return TRAITS[code].traits.includes(trait);
}
