import { AppError } from '../../domain/errors.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import type { Choice } from '../../operations/many/choose.ts';
import type { Target } from '../../targets/target.ts';
import type { Args, CallContext, Result } from '../command.ts';
import { jobNameFor } from '../exec/job-name.ts';
import { withResultFile } from '../exec/result-file.ts';
import { starter } from '../exec/run-exec.ts';
import type { JOB_OPTIONS, JobWishes } from '../line/exec-options.ts';
import {
  type CHOOSE_OPTIONS,
  type CONTROL_OPTIONS,
  type Control,
  choose,
  controlOf,
  type Meant,
  type OUTPUT_OPTIONS,
} from '../line/fleet-options.ts';
import type { Detached, ExecData } from '../views/exec.ts';
import { forEach } from './act-on-each.ts';
import { runMany, type StartOnTarget } from './run-many.ts';
import { spoolInput } from './spool.ts';

export type ManyArgs = Args<typeof CHOOSE_OPTIONS> &
  Args<typeof CONTROL_OPTIONS> &
  Args<typeof OUTPUT_OPTIONS> &
  Pick<Args<typeof JOB_OPTIONS>, 'job' | 'detach'> & {
    readonly result: string | undefined;
    readonly 'no-session': boolean;
  };

type Durable = JobWishes | undefined;

interface ExecManyLine {
  readonly meant: Meant & { readonly kind: 'many' };
  readonly request: Omit<ExecRequest, 'target'>;
  readonly durable: Durable;
}

/** `azlin exec` for many targets, or for one with an option that is for many. */
export async function execOnMany(
  call: CallContext & { readonly args: ManyArgs },
  { meant, request, durable: wanted }: ExecManyLine,
): Promise<Result<ExecData>> {
  const { args, app } = call;
  const { group, 'output-dir': outputDir, result } = args;
  // VMs that options choose are meant themselves, unless a session is named.
  const alone = args['no-session'] || (typeof meant.from !== 'string' && meant.from.session === undefined);
  const durable = alone ? undefined : wanted;
  if (alone && wanted && isAskedFor(call))
    throw new AppError('usage', 'A job needs a session', { hint: 'name it with --session, or use --direct' });
  refuseWithoutOutput(call, durable);
  const control = controlOf(args, app.clock);
  const spool = request.stdin ? await spoolInput(call) : undefined;
  try {
    return await withResultFile(call, result, async (save) => {
      const choosing = { from: meant.from, refresh: args.refresh, ask: false, alone, control };
      const choice = await choose(call, choosing);
      if (!meant.isPlain) for (const note of choice.notes) call.note(note);
      /** Each target reads the whole input, and has its own job. */
      const requestFor = () => ({ ...request, until: control.until, stdin: spool?.open() });
      const jobFor = (target: Target) => durable && { ...durable, job: jobOf(durable, choice, target) };
      if (durable?.detach) return startJobs(call, { choice, control, requestFor, jobFor });
      const start: StartOnTarget = (access, target, caller) =>
        starter(requestFor(), jobFor(target))(access, target, caller);
      return runMany(call, { meant, choice, control, start, save, group, outputDir });
    });
  } finally {
    spool?.remove();
  }
}

/** Whether somebody asked for a job here, not CI or a setting. */
function isAskedFor({ args, config }: CallContext & { readonly args: ManyArgs }): boolean {
  return args.job !== undefined || args.detach || config.sources.durable === 'flag';
}

interface JobsLine {
  readonly choice: Choice;
  readonly control: Control;
  readonly requestFor: () => Omit<ExecRequest, 'target'>;
  readonly jobFor: (target: Target) => Durable;
}

/** Starts a job for each, and follows none. */
async function startJobs(
  call: CallContext,
  { choice, control, requestFor, jobFor }: JobsLine,
): Promise<Result<ExecData>> {
  const { newJobId, startJob } = await import('../../operations/jobs/durable.ts');
  const ids = new Map<Target, string>();
  const act = async (...[access, target, caller]: Parameters<StartOnTarget>): Promise<Detached> => {
    const wishes = jobFor(target) as JobWishes;
    // A retry must ask for the same job, not for another one.
    const job = wishes.job ?? ids.get(target) ?? newJobId();
    ids.set(target, job);
    const started = await startJob(access, { ...requestFor(), ...wishes, job, target }, caller);
    if (started.doubt) throw started.doubt;
    return { id: started.id, target: started.target };
  };
  const { values, exitCode, ...rest } = await forEach(call, { choice, control, doing: 'Starting jobs', act });
  // 255, as for every failure of exec itself.
  const code = exitCode === 0 || exitCode === 1 || exitCode > 128 ? exitCode : 255;
  return { data: { kind: 'jobs', jobs: values }, exitCode: code, ...rest };
}

/** Two sessions of a VM must not share a job. */
function jobOf({ job }: NonNullable<Durable>, { isOneEach }: Choice, { session }: Target) {
  return job === undefined || isOneEach ? job : jobNameFor(job, session);
}

/** Refuses options about output where there will be none. Throws `usage`. */
function refuseWithoutOutput(
  { args, config }: Pick<CallContext, 'config'> & { readonly args: ManyArgs },
  durable: Durable,
): void {
  const { group, 'output-dir': directory } = args;
  if (durable?.detach && (group || directory !== undefined))
    throw new AppError('usage', `--detach leaves no output for ${group ? '--group' : '--output-dir'}`, {
      hint: 'use azlin logs to see the output of a job',
    });
  if (group && config.format !== 'table' && config.sources.format === 'flag')
    throw new AppError(
      'usage',
      `Give --group or --format ${config.format}, not both: --group is for people, --format for programs`,
    );
}
