import { createHash } from 'node:crypto';

/** The most characters that a job id can have. */
const LONGEST = 64;

/** The id of the job for one of many targets. A VM may have one for each session, and the same target must always get the same id. */
export function jobNameFor(id: string, session: string): string {
  const isPlain = /^[A-Za-z0-9_-]+$/.test(session) && id.length + session.length < LONGEST;
  return `${id}-${isPlain ? session : createHash('sha256').update(session).digest('hex').slice(0, 10)}`;
}
