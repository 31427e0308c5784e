import type { SessionEvent, WatchReport } from '../tmux/watch.ts';
import { jobIdProblem } from './job-scripts.ts';
import { parseEnd } from './journal.ts';

/** The jobs that have ended since the report before, as far as it is known how. */
export function endedJobs({ ended, sessions }: WatchReport): readonly SessionEvent[] {
  return ended.flatMap(({ job, how, session }) => {
    const end = jobIdProblem(job) === undefined ? parseEnd(how) : undefined;
    if (!end) return [];
    const { kind, detail } = end;
    const outcome =
      kind === 'exited' ? { exitCode: Number(detail) } : { end: kind === 'signaled' ? detail : kind.replace('-', ' ') };
    const id = sessions.find(({ name }) => name === session)?.id ?? '';
    return [{ kind: 'job-ended', session, id, job, ...outcome }];
  });
}
