import { formatAge, isoTime } from '../../domain/duration.ts';
import type { PlacedJob } from '../../operations/jobs/list-jobs.ts';
import type { View } from '../command.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column[] = [
  // Typed or copied, so never cut.
  { title: 'JOB' },
  { title: 'STATE' },
  { title: 'AGE' },
  { title: 'WHERE', flexible: true },
  { title: 'COMMAND', flexible: true },
];

/** `azlin jobs`. */
export const jobsView: View<readonly PlacedJob[]> = {
  async text(jobs, { style, width }) {
    if (jobs.length === 0) return '';
    const { table } = await import('./table.ts');
    const rows = jobs.map((job) => ({
      cells: [job.id, stateCell(job), ageCell(job), whereCell(job), job.command],
      paint: job.state === 'running' ? style.bold : style.dim,
    }));
    return table(COLUMNS, rows, width);
  },
  records: (jobs) => jobs.map(recordOf),
  fields: [
    'id',
    'hostname',
    'session',
    'command',
    'state',
    'exitCode',
    'signal',
    'startedAt',
    'endedAt',
    'ageSeconds',
    'stdoutBytes',
    'stderrBytes',
    'ownedBy',
    'kind',
  ],
};

/** Fields are only ever added: this is what `--format json` prints. */
function recordOf(job: PlacedJob): object {
  const { id, hostname, session, command, kind, state, exitCode, signal, stdoutBytes, stderrBytes, ownedBy } = job;
  const startedAt = job.startedAt === null ? null : isoTime(job.startedAt);
  const endedAt = job.endedAt === null ? null : isoTime(job.endedAt);
  const what = { id, hostname, session, command, state, exitCode, signal };
  return { ...what, startedAt, endedAt, ageSeconds: ageOf(job), stdoutBytes, stderrBytes, ownedBy, kind };
}

/** A job may belong to another VM that shares this one's home directory; only that VM knows its state. */
function stateCell({ state, ownedBy, exitCode, signal }: PlacedJob): string {
  if (state === 'elsewhere') return `on ${ownedBy}`;
  if (state === 'exited') return `exit ${exitCode}`;
  return state === 'signaled' ? `SIG${(signal ?? '').replace(/^SIG/, '')}` : state;
}

function whereCell({ hostname, session }: PlacedJob): string {
  return session === '' ? hostname : `${hostname}:${session}`;
}

function ageOf({ startedAt, askedAt }: PlacedJob): number | null {
  return startedAt === null ? null : Math.max(0, askedAt - startedAt);
}

function ageCell(job: PlacedJob): string {
  const age = ageOf(job);
  return age === null ? '-' : formatAge(age * 1_000);
}
