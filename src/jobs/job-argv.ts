import { enterArgs, type SessionCommand } from '../tmux/exec-argv.ts';
import { nameToCreate, shArgv } from '../tmux/sh-argv.ts';
import {
  CANCEL_SCRIPT,
  FOLLOW_SCRIPT,
  LIST_SCRIPT,
  SIGNAL_JOB_SCRIPT,
  START_SCRIPT,
  UPLOAD_SCRIPT,
} from './job-scripts.ts';
import { LIVE_SCRIPT, LIVE_SUPERVISOR } from './live-script.ts';
import { SUPERVISOR } from './supervisor-script.ts';

export interface JobStart {
  readonly id: string;
  readonly command: SessionCommand;
  /** The name of what was uploaded for its standard input. */
  readonly input: string | undefined;
  /** It must not be there yet. */
  readonly isNew: boolean;
  /** Seconds that it goes on with nobody following; undefined for ever. */
  readonly grace: number | undefined;
  /** Do not follow it. */
  readonly detach: boolean;
}

/**
 * Starts a job, or finds the one of that id, and follows it from its beginning. Standard input starts with a line, the key that stands
 * before lines of the journal. The words of its status: created (0 or 1), `cwd` or `no-cwd`; `new`, `found`, or `other` for one that
 * runs something else; where in the two streams following starts.
 */
export function startJobArgv({ id, command, input = '', isNew, grace, detach }: JobStart): readonly string[] {
  const jobArgs = [id, input, isNew ? 'new' : '', grace === undefined ? '' : `${grace}`, SUPERVISOR];
  return shArgv(START_SCRIPT, [...enterArgs(command, ''), ...jobArgs, detach ? 'detach' : '']);
}

export interface LiveStart {
  readonly id: string;
  readonly session: string;
  readonly create: boolean;
  readonly command: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Runs a command in the session's own shell, and follows it. Standard input and status are those of `startJobArgv`. */
export function liveArgv({ id, session, create, command, timeout }: LiveStart): readonly string[] {
  const name = create ? nameToCreate(session) : '';
  return shArgv(LIVE_SCRIPT, [session, name, id, command, `${Math.ceil(timeout / 1_000)}`, LIVE_SUPERVISOR]);
}

/** Where to start reading: a byte, the last lines, or not at all. */
export type From = number | { readonly lines: number } | 'none';

export interface JobFollow {
  readonly id: string;
  readonly out: From;
  readonly err: From;
  /** Only what is there by now. */
  readonly now: boolean;
  readonly agent: boolean;
  /** It must not begin from now on if it has not begun. */
  readonly settles: boolean;
}

/** Follows a job. Standard input and status are those of `startJobArgv`. */
export function followJobArgv({ id, out, err, now, agent, settles }: JobFollow): readonly string[] {
  const words = [now ? 'now' : '', agent ? 'agent' : '', settles ? 'settle' : ''];
  return shArgv(FOLLOW_SCRIPT, [id, fromWord(out), fromWord(err), ...words]);
}

function fromWord(from: From): string {
  return typeof from === 'object' ? `-${from.lines}` : `${from}`;
}

/** Takes standard input, up to the word `name` that ends it, to the VM. */
export function uploadArgv(name: string): readonly string[] {
  return shArgv(UPLOAD_SCRIPT, [name]);
}

export const listJobsArgv = (id = '') => shArgv(LIST_SCRIPT, [id]);
export const cancelJobArgv = (id: string) => shArgv(CANCEL_SCRIPT, [id]);
export const signalJobArgv = (id: string, signal: string) => shArgv(SIGNAL_JOB_SCRIPT, [id, signal]);

/** Why `id` cannot name a job, or undefined when it can. */
export function jobIdProblem(id: string): string | undefined {
  if (/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/.test(id)) return undefined;
  return 'letters, digits, "-" and "_", at most 64, and no "-" at its start';
}
