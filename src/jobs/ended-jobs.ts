import type { SessionEvent, WatchReport } from '../tmux/watch.ts';
import { jobIdProblem } from './job-scripts.ts';
import { parseEnd } from './journal.ts';

/** The jobs that have ended since the report before, as far as it is known how. */
export function endedJobs({ ended, sessions }: WatchReport): readonly SessionEvent[] {
  return ended.flatMap(({ job, how, session }) => {
    const end = jobIdProblem(job) === undefined ? parseEnd(how) : undefined;
    if (!end) return [];
    const { kind, detail } = end;
    // The VM may say anything.
    if (!(kind === 'exited' ? /^\d{1,3}$/ : /^[\w+-]{0,20}$/).test(detail)) return [];
    const outcome =
      kind === 'exited' ? { exitCode: Number(detail) } : { end: kind === 'signaled' ? detail : kind.replace('-', ' ') };
    const id = sessions.find(({ name }) => name === session)?.id ?? '';
    return [{ kind: 'job-ended', session, id, job, ...outcome }];
  });
}

/** Milliseconds after which a job of the same id is another one, and the most ends that are remembered. */
const [ANOTHER, MOST] = [3_600_000, 20_000];

/** Tells the first report of an end from others: several connections see the same one, and a VM may say it again. */
export function firstEnds(now: () => number): (vm: string, event: SessionEvent) => boolean {
  const told = new Map<string, number>();
  return (vm, { job }) => {
    const end = `${vm} ${job}`;
    const before = told.get(end);
    // It is the latest now.
    told.delete(end);
    told.set(end, now());
    const [oldest = ''] = told.keys();
    if (told.size > MOST) told.delete(oldest);
    return before === undefined || now() - before > ANOTHER;
  };
}
