import type { RemoteScript } from '../domain/remote-script.ts';
import { remoteScript } from '../remote/remote-script.ts';
import { shellFile } from '../remote/shell-files.ts';
import { enterValues, killAfterValue, type SessionCommand } from '../tmux/exec-script.ts';
import { creationValues } from '../tmux/plain-word.ts';

export interface JobStart {
  readonly id: string;
  readonly command: SessionCommand;
  /** The name of the uploaded standard input. */
  readonly input: string | undefined;
  /** Whether the job must not exist yet. */
  readonly isNew: boolean;
  /** Seconds that the job goes on while nobody follows it; undefined for no limit. */
  readonly grace: number | undefined;
  /** Do not follow it. */
  readonly detach: boolean;
  /** A word of this attempt. A job that has not begun in time is given up under this word; after that, only an attempt with another word may begin it. */
  readonly settles: string;
  /** The word in front of journal lines. */
  readonly wire: string;
}

/**
 * Starts a job, or finds the one with that id, and follows it from its beginning. The words of its status: created (0 or 1); `cwd` or `no-cwd`; `new`,
 * also if an earlier try of the same call started it, `found`, or `other` for a job that runs something else; where following starts in each of the two streams, with `lost` for standard error that a start-up
 * file redirects.
 */
export function startJobScript({
  id,
  command,
  input = '',
  isNew,
  grace,
  detach,
  settles,
  wire,
}: JobStart): RemoteScript {
  return remoteScript('jobs/start', {
    ...enterValues(command),
    id_of_job: id,
    title: command.run.title,
    upload: input,
    is_new: isNew ? 'new' : '',
    grace: grace === undefined ? '' : `${grace}`,
    supervisor: shellFile('jobs/supervisor'),
    detach: detach ? 'detach' : '',
    settles,
    wire,
  });
}

export interface LiveStart {
  readonly id: string;
  readonly session: string;
  /** As in `SessionCommand`. */
  readonly owner: string | undefined;
  readonly command: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly wire: string;
}

/** Runs a command in the session's own shell, and follows it. Its status is that of `startJobScript`. */
export function liveScript({ id, session, owner, command, timeout, wire }: LiveStart): RemoteScript {
  return remoteScript('jobs/live', {
    session,
    ...creationValues(session, owner),
    id_of_job: id,
    text: command,
    seconds: `${Math.ceil(timeout / 1_000)}`,
    supervisor: shellFile('jobs/live-supervisor'),
    wire,
  });
}

/** Where to start reading: a byte, the last lines, what was written in the last seconds, or not at all. */
export type From = number | { readonly lines: number } | { readonly seconds: number } | 'none';

export interface JobFollow {
  readonly id: string;
  readonly out: From;
  readonly err: From;
  /** Read only what is there now. */
  readonly now: boolean;
  readonly agent: boolean;
  /** If the job has not begun, make sure that it does not begin from now on. */
  readonly settles: boolean;
  readonly wire: string;
}

/** Follows a job. Its status is that of `startJobScript`. */
export function followJobScript({ id, out, err, now, agent, settles, wire }: JobFollow): RemoteScript {
  return remoteScript('jobs/follow', {
    id_of_job: id,
    out: fromWord(out),
    err: fromWord(err),
    now: now ? 'now' : '',
    forwards: agent ? 'agent' : '',
    settles: settles ? 'settle' : '',
    wire,
  });
}

function fromWord(from: From): string {
  if (typeof from !== 'object') return `${from}`;
  return 'lines' in from ? `-${from.lines}` : `@${from.seconds}`;
}

/** Stores standard input on the VM, up to the word `name` that ends it. It answers when it is ready, and a second time when it has everything. */
export const uploadScript = (name: string) => remoteScript('jobs/upload', { upload: name });
/** Lists every job, or those whose id starts with `prefix`. */
export const listJobsScript = (prefix?: string) =>
  remoteScript('jobs/list', { id_of_job: prefix === undefined ? '' : `${prefix}*` });
/** Ends a job. In milliseconds: how long to wait for the end, and the time between SIGTERM and SIGKILL if the job's supervisor is gone. */
export const cancelJobScript = (
  id: string,
  { wait, killAfter }: { readonly wait: number; readonly killAfter: number },
) =>
  remoteScript('jobs/cancel', { id_of_job: id, seconds: `${Math.ceil(wait / 1_000)}`, ...killAfterValue(killAfter) });
export const signalJobScript = (id: string, signal: string) => remoteScript('jobs/signal', { id_of_job: id, signal });

/** Why `id` cannot name a job, or undefined when it can. */
export function jobIdProblem(id: string): string | undefined {
  if (/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/.test(id)) return undefined;
  return 'use 1 to 64 letters, digits, "-" and "_", and do not start with "-"';
}
