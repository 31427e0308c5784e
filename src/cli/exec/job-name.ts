import { createHash } from 'node:crypto';

/** Letters of a job id. */
const LONGEST = 64;

/** The id of the job for one of many targets: a VM may have several of them, one a session, and each time the same one must come out. */
export function jobNameFor(id: string, session: string): string {
  const isPlain = /^[A-Za-z0-9_-]+$/.test(session) && id.length + session.length < LONGEST;
  return `${id}-${isPlain ? session : createHash('sha256').update(session).digest('hex').slice(0, 10)}`;
}
