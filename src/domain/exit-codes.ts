import type { ErrorCode } from './errors.ts';

/** docs/exit-codes.md explains them; `exec` gives 255 for all of them, as ssh does. */
const EXIT_CODES = {
  bug: 1,
  usage: 2,
  'invalid-identifier': 2,
  config: 2,
  'vm-not-found': 3,
  'session-not-found': 3,
  'job-not-found': 3,
  'client-not-found': 3,
  ambiguous: 4,
  'not-signed-in': 5,
  'azure-denied': 5,
  'ssh-denied': 5,
  'host-key-changed': 6,
  'host-key-unknown': 6,
  'host-key-revoked': 6,
  'vm-not-running': 7,
  unreachable: 7,
  'timed-out': 7,
  'connection-lost': 7,
  detached: 7,
  'tmux-missing': 7,
  'tmux-failed': 7,
  'vm-failed': 7,
  'pane-busy': 7,
  'azure-failed': 7,
  interrupted: 130,
} satisfies Record<ErrorCode, number>;

export function exitCodeOf(code: ErrorCode): number {
  return EXIT_CODES[code];
}
