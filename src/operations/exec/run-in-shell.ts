import type { Caller } from '../../domain/caller.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { quoteArgv } from '../../domain/text.ts';
import { liveScript } from '../../jobs/job-scripts.ts';
import { describeTarget, exactTarget, identifierOf, type TargetRef } from '../../targets/target.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteDone, noteEnd } from '../access/history-notes.ts';
import { startScript } from '../access/start-script.ts';
import { withTarget } from '../access/with-target.ts';
import { newJobId } from '../jobs/durable.ts';
import { followerOf, newWire } from '../jobs/follow-to-end.ts';
import { jobAsCommand } from '../jobs/job-as-command.ts';
import type { RunningCommand } from './exec.ts';
import { checkShellText, programOf, timeLimit } from './exec-request.ts';

export interface RunRequest {
  readonly target: TargetRef;
  /** A single word is shell text; several words are quoted so that they arrive unchanged. */
  readonly command: readonly string[];
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Milliseconds, enforced on the VM. */
  readonly timeout: number;
  /** By the clock: when the command must be over, however late it starts. */
  readonly until?: number | undefined;
}

/** Runs a command in the session's own interactive shell. Rejects with an AppError when it was not started. */
export function runInShell(access: FleetAccess, request: RunRequest, caller: Caller): Promise<RunningCommand> {
  const command = request.command.length === 1 ? (request.command[0] ?? '') : quoteArgv(request.command);
  checkShellText(command);
  const id = newJobId();
  let failure: unknown;
  return withTarget({ access, target: request.target, caller }, async (reached) => {
    // The command is typed only once, so a second attempt fails like the first.
    if (failure !== undefined) throw failure;
    const { target } = reached;
    const owner = request.create || target.origin === 'default' ? access.settings.label : undefined;
    const timeout = timeLimit(request, access.clock.now()) ?? request.timeout;
    const wire = newWire();
    const script = liveScript({ id, session: target.session, owner, command, timeout, wire });
    const unlessBegun = notTaken(describeTarget(target));
    const job = {
      id,
      place: exactTarget(target),
      target: describeTarget(target),
      isFound: false,
      isWatched: false,
      timeout,
      out: 0,
      err: 0,
    };
    try {
      const started = await startScript({ access, reached, script, caller });
      await access.jobMemory.remember(id, identifierOf(target), caller);
      const done = { program: programOf(request.command), run: id, job: id };
      await noteDone(access, target, { what: 'ran', ...done });
      const running = jobAsCommand(access, { ...job, first: followerOf(started, wire) }, caller);
      return { ...running, outcome: noteEnd(access, target, { ...done, outcome: running.outcome }) };
    } catch (error) {
      failure = error;
      const { code, mayHaveRun } = toAppError(error);
      if (code === 'job-not-found') throw unlessBegun;
      // It may be running all the same. Following it makes sure that it does not begin from now on.
      if (mayHaveRun && !caller.signal.aborted) return jobAsCommand(access, { ...job, unlessBegun }, caller);
      throw error;
    }
  });
}

function notTaken(where: string): AppError {
  return new AppError('pane-busy', `The shell in ${where} did not accept the command; nothing was started`, {
    hint: `azlin logs --screen ${where} shows its screen`,
  });
}
