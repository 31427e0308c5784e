import { text } from 'node:stream/consumers';
import { messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { execCommand } from '../../operations/exec/exec.ts';
import { identifierIn, type UsedSession } from '../sessions.ts';
import type { ToolCall } from '../tool.ts';
import { addToWorkdir, settleWorkdir, summarize, type WorkdirEntry, workdirOf } from '../workdir.ts';
import { JOB_ANEW, waitFor } from './jobs.ts';

/** Keeps a command in the folder of the session, if it has one here. What it has to warn of. */
export async function keepWork(
  used: UsedSession,
  entry: Omit<WorkdirEntry, 'to'>,
  call: ToolCall,
): Promise<readonly string[]> {
  const workdir = workdirOf(used, call.context);
  if (!workdir) return [];
  try {
    // The shell has taken this one, so that those before it have ended.
    await settleWorkdir(workdir, (job) => resultOf(job, used, call));
    await addToWorkdir(workdir, { ...entry, to: call.context.clock.now() });
    return [];
  } catch (error) {
    return [`this is not in ${workdir.path}: ${messageOf(error)}`];
  }
}

/** The last words of the folder in which the work was kept, with what git says in the directory of the session. What cannot be written is missing there. */
export async function finishWork(used: UsedSession, call: ToolCall): Promise<void> {
  const { context, caller } = call;
  const { kept } = used;
  const workdir = workdirOf(used, context);
  if (!workdir) return;
  try {
    await settleWorkdir(workdir, (job) => resultOf(job, used, call));
    const target = identifierIn(used);
    const command = ['git', 'log', '-1', '--format=%H %s'];
    const request = { target, command, stdin: undefined, create: false, timeout: 5_000 };
    const running = await execCommand(context.access, request, caller);
    const [said] = await Promise.all([text(running.stdout), text(running.stderr), running.outcome]);
    await summarize(workdir, 'closed', printable(said.trim()).slice(0, 200));
  } catch (error) {
    context.log(`the summary of ${kept.name} was not finished: ${messageOf(error)}`);
  }
}

/** What has become of a command that went on; undefined if its VM cannot tell. */
async function resultOf(job: string, { kept: { server } }: UsedSession, call: ToolCall) {
  try {
    return (await waitFor({ ...JOB_ANEW, job, server }, call)).result;
  } catch {
    call.caller.signal.throwIfAborted();
    return undefined;
  }
}
