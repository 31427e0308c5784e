import { parseEnd } from './journal.ts';

/** A durable command on a VM. */
export interface Job {
  readonly id: string;
  readonly session: string;
  /** The first line of what runs. */
  readonly command: string;
  /** `run`: in the session's own shell, by `azlin run`. */
  readonly kind: 'exec' | 'run';
  /** `lost`: it is unknown how it ended, because the VM was restarted or its supervisor was killed. */
  readonly state:
    | 'starting'
    | 'running'
    | 'exited'
    | 'signaled'
    | 'timed-out'
    | 'cancelled'
    | 'lost'
    | 'not-started'
    /** It belongs to another VM that shares this one's home directory; only that VM knows its state. */
    | 'elsewhere';
  /** The VM that it belongs to, if that is another one. */
  readonly ownedBy: string | null;
  /** Only for `exited`. */
  readonly exitCode: number | null;
  /** Only for `signaled`. */
  readonly signal: string | null;
  /** Seconds since 1970, by the VM's clock; null where it is not recorded. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Bytes; null while it runs. */
  readonly stdoutBytes: number | null;
  readonly stderrBytes: number | null;
}

/** Parses the output of remote/jobs/list.sh, two lines per job. Returns the newest first. */
export function parseJobs(text: string): readonly Job[] {
  const lines = text.split('\n');
  const jobs = lines.flatMap((line, index) => {
    if (index % 2 === 1 || line === '') return [];
    const [ownedBy = '', id = '', at = '', end = '', how = '', live = '', ...session] = line.split(':');
    const ended = parseEnd(how);
    return [
      {
        id,
        ownedBy: ownedBy || null,
        session: session.join(':'),
        command: lines[index + 1] ?? '',
        kind: live === '' ? 'exec' : 'run',
        state: ended?.kind ?? (STATES.find((state) => state === how) || (how === 'void' ? 'not-started' : 'lost')),
        exitCode: ended?.kind === 'exited' ? Number(ended.detail) : null,
        signal: ended?.kind === 'signaled' ? ended.detail : null,
        startedAt: at === '' ? null : Number(at),
        endedAt: end === '' ? null : Number(end),
        stdoutBytes: ended?.out ?? null,
        stderrBytes: ended?.err ?? null,
      } satisfies Job,
    ];
  });
  return jobs.sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
}

const STATES = ['starting', 'running', 'lost', 'elsewhere'] as const;
