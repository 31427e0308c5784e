import { createHash } from 'node:crypto';

/** Letters of a job id. */
const LONGEST = 64;

/**
 * The id of the job for one of many targets: a VM may have several of them, and each time the same one must come out. `identifier`: of the target,
 * with its session.
 */
export function jobNameFor(id: string, identifier: string): string {
  const session = identifier.slice(identifier.lastIndexOf(':') + 1);
  const isPlain = /^[A-Za-z0-9_-]+$/.test(session) && id.length + session.length < LONGEST;
  return `${id}-${isPlain ? session : createHash('sha256').update(session).digest('hex').slice(0, 10)}`;
}
