import type { Outcome } from '../../domain/outcome.ts';
import type { HistoryNote } from '../../registry/history.ts';
import type { Target } from '../../targets/target.ts';

/** Where what azlin does is written down, for `azlin history`. */
export interface HistoryNotes {
  /** Never rejects: what cannot be written down is missing there. */
  note(note: HistoryNote): Promise<void>;
}

type Done = Pick<HistoryNote, 'what' | 'program' | 'job' | 'exitCode' | 'end'>;

/** Writes down what this user has done in the target's session. */
export async function noteDone({ history, settings }: Noting, target: Place, done: Done): Promise<void> {
  const { hostname, endpoint, session } = target;
  const { hostKeyAlias: vm, user } = endpoint;
  const where = { hostname, vm, user, session: session === '' ? undefined : session };
  await history.note({ who: settings.label, ...done, ...where, isSeen: false });
}

/** The same for a command, when it has ended. Resolves to its outcome. */
export async function noteEnd<End extends Outcome>(
  access: Noting,
  target: Place,
  { outcome, ...done }: Done & { readonly outcome: Promise<End> },
): Promise<End> {
  const ended = await outcome;
  const end = endOf(ended);
  if (end) await noteDone(access, target, { ...done, ...end });
  return ended;
}

type Place = Pick<Target, 'hostname' | 'endpoint' | 'session'>;

/** What a fleet's access has for it. */
interface Noting {
  readonly history: HistoryNotes;
  readonly settings: { readonly label: string };
}

/** How a command ended; undefined for one that certainly did not run. */
function endOf(outcome: Outcome): Pick<HistoryNote, 'exitCode' | 'end'> | undefined {
  switch (outcome.kind) {
    case 'exited':
      return { exitCode: outcome.code };
    case 'signaled':
      return { end: outcome.signal };
    case 'timed-out':
      return { end: 'timed out' };
    case 'not-started':
      return undefined;
    default:
      return { end: outcome.kind };
  }
}
