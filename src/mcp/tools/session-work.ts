import { text } from 'node:stream/consumers';
import { silentCaller } from '../../domain/caller.ts';
import { messageOf } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { execCommand } from '../../operations/exec/exec.ts';
import type { Target } from '../../targets/target.ts';
import type { CommandResult } from '../followed.ts';
import type { UsedSession } from '../sessions.ts';
import type { ToolCall } from '../tool.ts';
import { addToWorkdir, closeWorkdir, settleWorkdir, type Workdir, type WorkdirEntry, workdirOf } from '../workdir.ts';
import { JOB_ANEW, waitFor } from './jobs.ts';

/** Keeps a command that has begun in the folder of the session, if it has one here. */
export function keepBegun(used: UsedSession, entry: WorkdirEntry, call: ToolCall): Promise<void> {
  return inWorkdir(used, call, (workdir) => addToWorkdir(workdir, entry));
}

/** Keeps how it went, and how those have ended that went on before: the shell has taken another one since. */
export function keepResult(used: UsedSession, result: CommandResult, call: ToolCall): Promise<void> {
  const resultOf = async (job: string) => (job === result.job ? result : lookUp(job, used, call));
  return inWorkdir(used, call, (workdir) => settleWorkdir(workdir, resultOf, call.context.clock.now()));
}

/** The last words, after the session has ended. */
export function finishWork(used: UsedSession, commit: string | undefined, call: ToolCall): Promise<void> {
  return inWorkdir(used, call, async (workdir) => {
    await settleWorkdir(workdir, (job) => lookUp(job, used, call), call.context.clock.now());
    await closeWorkdir(workdir, commit);
  });
}

/** What git says in the directory of a session, for its folder; undefined where it says nothing. */
export async function commitOf(used: UsedSession, target: Target, { context, caller }: ToolCall) {
  if (!workdirOf(used, context)) return undefined;
  try {
    const command = ['git', 'log', '-1', '--format=%H %s'];
    const request = { target, command, stdin: undefined, create: false, timeout: 5_000 };
    const running = await execCommand(context.access, request, caller);
    const [said] = await Promise.all([text(running.stdout), text(running.stderr), running.outcome]);
    return printable(said.trim()).slice(0, 200) || undefined;
  } catch {
    return undefined;
  }
}

/** One after the other: several calls can concern one folder. What cannot be written is a warning. */
async function inWorkdir(used: UsedSession, call: ToolCall, work: (workdir: Workdir) => Promise<void>): Promise<void> {
  const workdir = workdirOf(used, call.context);
  if (!workdir) return;
  const before = turns.get(workdir.path) ?? Promise.resolve();
  const turn = before
    .then(() => work(workdir))
    .catch((error: unknown) => call.caller.warn(`this is not in ${workdir.path}: ${messageOf(error)}`));
  turns.set(workdir.path, turn);
  await turn;
  if (turns.get(workdir.path) === turn) turns.delete(workdir.path);
}

const turns = new Map<string, Promise<void>>();

/** What has become of a command that went on; undefined if its VM cannot tell. A client that has gone does not keep it from being written down. */
async function lookUp(job: string, { kept: { server } }: UsedSession, call: ToolCall) {
  const caller = silentCaller(new AbortController().signal);
  try {
    return (await waitFor({ ...JOB_ANEW, job, server, isWholeId: true }, { ...call, caller })).result;
  } catch {
    return undefined;
  }
}
