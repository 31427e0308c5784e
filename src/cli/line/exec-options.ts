import { parseDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { checkVariable, type Variable } from '../../operations/exec/exec-request.ts';
import type { DurableRequest } from '../../operations/jobs/durable.ts';
import { isInCi } from '../../settings/ci.ts';
import type { Config } from '../../settings/config.ts';
import type { Args, CallContext, Options } from '../command.ts';

/** Whether a command becomes a job. */
export const DURABLE_OPTIONS = {
  durable: {
    kind: 'flag',
    describe: 'Run as a job; default if CI is set',
    setting: 'durable',
    value: 'always',
  },
  direct: {
    kind: 'flag',
    describe: 'Run without a job',
    setting: 'durable',
    value: 'never',
  },
} as const satisfies Options;

export const JOB_OPTIONS = {
  job: { kind: 'text', takes: 'JOB', describe: 'Job id; an existing job is only followed' },
  detach: { kind: 'flag', short: 'd', describe: 'Start a job, print its id and return' },
  'on-disconnect': {
    kind: 'text',
    describe: 'What happens to the job when azlin is gone',
    choices: ['keep', 'cancel'],
  },
  'on-interrupt': {
    kind: 'text',
    describe: 'The same after Ctrl-C twice, or SIGTERM',
    choices: ['keep', 'cancel'],
  },
} as const satisfies Options;

/** A duration from the command line, in milliseconds. Throws `usage`. */
export function durationOf(option: string, text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDuration(text);
  if (text === undefined || ms) return ms;
  throw new AppError('usage', `Invalid duration "${text}" for --${option}`, { hint: 'for example 90s, 5m, 1.5h' });
}

/** Reads `NAME=VALUE`, or `NAME` for the value in azlin's own environment. Throws `usage`; the message never holds a value. */
export function variablesOf(
  texts: readonly string[],
  environment: CallContext['app']['environment'],
): readonly Variable[] {
  return texts.map((text) => {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    checkVariable(name);
    const value = at < 0 ? environment[name] : text.slice(at + 1);
    if (value === undefined) throw new AppError('usage', `--env ${name}: the variable is not set`);
    return { name, value };
  });
}

/** Throws `usage` for a name that cannot be set for a command. */
export function checkedNames(variables: readonly Variable[]): readonly Variable[] {
  for (const { name } of variables) checkVariable(name);
  return variables;
}

type JobArgs = Partial<Args<typeof JOB_OPTIONS>> & { readonly stdin?: boolean };

/** How a command is run as a job. */
export type JobWishes = Pick<DurableRequest, 'job' | 'grace' | 'detach' | 'endsWithUs'>;

/** How to run a command as a job; undefined to run it directly. Throws `usage`. */
export function durableOf(
  args: JobArgs,
  config: Pick<Config, 'durable' | 'disconnectGrace' | 'sources'>,
  environment: CallContext['app']['environment'],
): JobWishes | undefined {
  const { job, detach = false, stdin = false, 'on-disconnect': onDisconnect } = args;
  const onInterrupt = args['on-interrupt'];
  const wishes = { job, detach: detach || undefined, 'on-disconnect': onDisconnect, 'on-interrupt': onInterrupt };
  const wish = Object.entries(wishes).find(([, given]) => given !== undefined)?.[0];
  if (wish && config.durable === 'never' && config.sources.durable === 'flag')
    throw new AppError('usage', `--${wish} only works with jobs, but --direct runs none`);
  if (detach && onDisconnect === 'cancel')
    throw new AppError('usage', '--detach leaves the job running, but --on-disconnect cancel would end it');
  if (detach && onInterrupt !== undefined)
    throw new AppError('usage', '--on-interrupt does nothing with --detach: there is nothing left to interrupt');
  // With --stdin, a job starts only when all input has come. The user must ask for that; CI alone is not enough.
  const isCi = isInCi(environment) && !stdin;
  if (!wish && (config.durable === 'never' || (config.durable === 'auto' && !isCi))) return undefined;
  const grace = onDisconnect === 'cancel' ? config.disconnectGrace : undefined;
  return { job, detach, grace, endsWithUs: (onInterrupt ?? onDisconnect) === 'cancel' };
}
