import { randomBytes } from 'node:crypto';
import type { Outcome } from '../../domain/outcome.ts';
import type { HistoryNote } from '../../registry/history.ts';
import type { Target } from '../../targets/target.ts';

/** Where what azlin does is written down, for `azlin history`. */
export interface HistoryNotes {
  /** Never rejects: what cannot be written down is missing there. */
  note(note: HistoryNote): Promise<void>;
}

type Done = Pick<HistoryNote, 'what' | 'run' | 'program' | 'job' | 'exitCode' | 'end'>;

/** Writes down what this user has done in the target's session. Never rejects. */
export async function noteDone({ history, settings }: Noting, target: Place, done: Done): Promise<void> {
  try {
    const { hostname, endpoint, session } = target;
    const { hostKeyAlias: vm, user } = endpoint;
    const where = { hostname, vm, user, session: session === '' ? undefined : session };
    await history.note({ who: settings.label, ...done, ...where, isSeen: false });
  } catch {
    // A VM that has no address any more cannot be told from others.
  }
}

/** Writes down that a command runs, and how it ends. Resolves to its outcome. */
export async function noteCommand<End extends Outcome>(
  access: Noting,
  target: Place,
  { outcome, program }: { readonly outcome: Promise<End>; readonly program: string | undefined },
): Promise<End> {
  const run = randomBytes(8).toString('hex');
  const begun = noteDone(access, target, { what: 'ran', run, program });
  await Promise.all([outcome, begun]);
  return noteEnd(access, target, { run, program, outcome });
}

/** Writes down how a command ends. Resolves to its outcome. */
export async function noteEnd<End extends Outcome>(
  access: Noting,
  target: Place,
  { outcome, ...done }: Omit<Done, 'what'> & { readonly outcome: Promise<End> },
): Promise<End> {
  const ended = await outcome;
  await noteDone(access, target, { what: 'ended', ...done, ...endOf(ended) });
  return ended;
}

/** Writes down how a command ends that somebody else has started, and this user only waits for. Resolves to its outcome. */
export async function noteSeenEnd<End extends Outcome>(
  access: Noting,
  target: Place,
  seen: SeenEnd<End>,
): Promise<End> {
  const { id, isRunning, outcome } = seen;
  const ended = await outcome;
  // Whoever stops waiting has seen no end; one that was there before has its time.
  const isSeen = isRunning && ended.kind !== 'lost' && ended.kind !== 'not-started';
  return isSeen ? noteEnd(access, target, { run: id, job: id, program: seen.program, outcome }) : ended;
}

interface SeenEnd<End> {
  readonly id: string;
  readonly program: string | undefined;
  /** Whether the job ran when the wait began. */
  readonly isRunning: boolean;
  readonly outcome: Promise<End>;
}

type Place = Pick<Target, 'hostname' | 'endpoint' | 'session'>;

/** What a fleet's access has for it. */
interface Noting {
  readonly history: HistoryNotes;
  readonly settings: { readonly label: string };
}

function endOf(outcome: Outcome): Pick<HistoryNote, 'exitCode' | 'end'> {
  switch (outcome.kind) {
    case 'exited':
      return { exitCode: outcome.code };
    case 'signaled':
      return { end: outcome.signal };
    default:
      return { end: outcome.kind.replace('-', ' ') };
  }
}
