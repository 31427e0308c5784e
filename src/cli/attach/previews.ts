import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';

export interface PreviewSettings {
  readonly clock: Clock;
  readonly caller: Caller;
  /** Asks for the screen of a session. */
  readonly ask: (key: string, caller: Caller) => Promise<string>;
  /** Called when a screen has come. */
  readonly tell: () => void;
}

/** Milliseconds that a row is looked at before its screen is asked for: whoever only passes by asks for nothing. */
const PAUSE = 150;

/** The screens of sessions, each asked for once, when it is looked at. */
export function previews({ clock, caller, ask, tell }: PreviewSettings) {
  const known = new Map<string, readonly string[]>();
  const asked = new Set<string>();
  let looking: string | undefined;
  let cancel = () => {};
  const load = async (key: string) => {
    asked.add(key);
    // Nobody may be asked anything while the list is there, and nothing else may be drawn.
    const quiet: Caller = { ...caller, progress: () => {}, start: { ...caller.start, ask: async () => false } };
    const lines = await ask(key, quiet).then(linesOf, (error) => [`its screen cannot be shown: ${messageOf(error)}`]);
    known.set(key, lines);
    tell();
  };
  return {
    /** The lines of the screen; undefined until they have come. */
    of(key: string): readonly string[] | undefined {
      if (looking !== key) {
        cancel();
        looking = key;
        cancel = asked.has(key) ? () => {} : clock.schedule(PAUSE, () => void load(key));
      }
      return known.get(key);
    },
    stop: () => cancel(),
  };
}

/** The lines of a screen up to the last one that has something on it. */
function linesOf(screen: string): readonly string[] {
  return screen.trimEnd().split('\n').map(printable);
}
