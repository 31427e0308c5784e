import type { Caller } from '../../domain/caller.ts';
import { AppError } from '../../domain/errors.ts';
import { describeTarget, type TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteDone } from '../access/history-notes.ts';
import { withTarget } from '../access/with-target.ts';

export interface SendRequest {
  readonly target: TargetRef;
  readonly text: string;
  /** By tmux's names for them. */
  readonly keys: readonly string[];
}

// Unknown names are refused, because tmux would type them letter by letter.
const KEY =
  /^([CMS]-)*(.|F\d{1,2}|Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PageUp|PgUp|PPage|PageDown|PgDn|NPage|DC|Delete|IC|Insert)$/u;

/** Types into the active pane of a session, and resolves to which session that was. */
export function sendToSession(
  access: FleetAccess,
  { target: ref, text, keys }: SendRequest,
  caller: Caller,
): Promise<string> {
  const unknown = keys.find((key) => !KEY.test(key));
  if (unknown !== undefined)
    throw new AppError('usage', `Unknown key "${unknown}"`, {
      hint: 'for example Enter, Escape, Tab, Up, C-c, M-x, F5; separate several with spaces',
    });
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    await tmux.send(target.session, { text, keys }, caller.signal);
    await noteDone(access, target, { what: 'sent' });
    return describeTarget(target);
  });
}
