import { type Caller, withSignal } from '../../domain/caller.ts';
import { orAborted } from '../../domain/deadline.ts';
import { AppError } from '../../domain/errors.ts';
import type { ExitStatus, Link } from '../transport.ts';
import type { EarlyLink } from './ssh2-link.ts';

/** Dials, and tells of a link that can be used before its server has let the user in. */
type DialEarly = (caller: Caller, onEarly: (link: EarlyLink) => void) => Promise<Link>;

/** Resolves as soon as there is a link over which commands may be sent. From then on signing in goes on, whoever has asked for it. */
export function beginLink(caller: Caller, dial: DialEarly): Promise<Link> {
  const giveUp = new AbortController();
  const onAbort = () => giveUp.abort(caller.signal.reason);
  if (caller.signal.aborted) onAbort();
  caller.signal.addEventListener('abort', onAbort, { once: true });
  return new Promise((resolve, reject) => {
    const onEarly = (early: EarlyLink) => {
      caller.signal.removeEventListener('abort', onAbort);
      resolve(lateLink(early, settled, () => giveUp.abort(new AppError('interrupted', 'closed'))));
    };
    const settled = dial(withSignal(caller, giveUp.signal), onEarly);
    settled.then(resolve, reject).finally(() => caller.signal.removeEventListener('abort', onAbort));
  });
}

/** A link that is there before the server has let the user in. What is sent early goes over it; all else waits for the link that signing in ends with. */
function lateLink(early: EarlyLink, settled: Promise<Link>, giveUp: () => void): Link {
  let link: Link | undefined;
  let isOver = false;
  settled.then(
    (one) => {
      link = one;
      if (isOver) one.close();
    },
    () => {
      isOver = true;
    },
  );
  return {
    get alive() {
      return link ? link.alive : !isOver;
    },
    async spawn(script, options) {
      // A command that must not run twice is sent early only where it will be certain whether it has run.
      if (!link && early.alive && (script.mayRepeat || (options.early && early.isFrank))) {
        const remote = await early.spawn(script, options);
        if (typeof remote === 'object') return { ...remote, exit: afterKeeping(remote.exit, settled) };
        // Its server has let the user in, and refuses the channel.
        if (remote !== 'again' || (await orAborted(settled, options.signal)) === early) return remote;
      }
      return (await orAborted(settled, options.signal)).spawn(script, options);
    },
    forward: async (to, signal) => (await orAborted(settled, signal)).forward(to, signal),
    check: (ms) => link?.check(ms),
    prepare: () => link?.prepare(),
    over: settled.then((one) => one.over).catch(() => {}),
    close() {
      if (link) link.close();
      else giveUp();
      isOver = true;
    },
  };
}

/** What was learned about the server is kept before a short command ends. */
async function afterKeeping(exit: Promise<ExitStatus>, settled: Promise<Link>): Promise<ExitStatus> {
  const status = await exit;
  if (status.kind !== 'lost') await settled.catch(() => {});
  return status;
}
