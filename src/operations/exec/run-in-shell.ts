import { AppError, toAppError } from '../../domain/errors.ts';
import { quoteArgv } from '../../domain/text.ts';
import { liveScript } from '../../jobs/job-scripts.ts';
import { describeTarget, identifierOf } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { withTarget } from '../access/reach.ts';
import { start } from '../access/start-script.ts';
import { newJobId } from '../jobs/durable.ts';
import { followerOf, newWire } from '../jobs/follow-to-end.ts';
import { followedJob } from '../jobs/job-as-command.ts';
import type { RunningCommand } from './exec.ts';
import { timeLimit } from './exec-request.ts';

export interface RunRequest {
  readonly identifier: string;
  /** One word is shell text, several are quoted so that they arrive as they were. */
  readonly command: readonly string[];
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout: number;
  /** By the clock: when it must be over, however late it starts. */
  readonly until?: number | undefined;
}

/** Runs a command in the session's own interactive shell. Rejects with an AppError when it was not started. */
export function runInShell(access: FleetAccess, request: RunRequest, signal: AbortSignal): Promise<RunningCommand> {
  const { identifier } = request;
  const command = request.command.length === 1 ? (request.command[0] ?? '') : quoteArgv(request.command);
  const id = newJobId();
  let failure: unknown;
  return withTarget({ access, identifier, signal }, async (reached) => {
    // It is typed once.
    if (failure !== undefined) throw failure;
    const { target } = reached;
    const create = request.create || target.origin === 'default';
    const timeout = timeLimit(request, access.clock.now()) ?? request.timeout;
    const wire = newWire();
    const script = liveScript({ id, session: target.session, create, command, timeout, wire });
    const exact = identifierOf(target);
    const unlessBegun = notTaken(describeTarget(target));
    const job = {
      id,
      identifier: exact,
      target: describeTarget(target),
      isFound: false,
      isWatched: false,
      out: 0,
      err: 0,
    };
    try {
      const started = await start({ access, reached, script, signal });
      await access.jobMemory.remember(id, exact);
      return followedJob(access, { ...job, first: followerOf(started, wire) });
    } catch (error) {
      failure = error;
      const { code, mayHaveRun } = toAppError(error);
      if (code === 'job-not-found') throw unlessBegun;
      // It may run all the same; if not, it will not any more.
      if (mayHaveRun && !signal.aborted) return followedJob(access, { ...job, unlessBegun });
      throw error;
    }
  });
}

function notTaken(where: string): AppError {
  return new AppError('pane-busy', `The shell in ${where} did not take the command; nothing was started`, {
    hint: `azlin logs --screen ${where}   shows what is there`,
  });
}
