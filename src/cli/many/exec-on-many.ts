import { AppError } from '../../domain/errors.ts';
import type { ExecRequest } from '../../operations/exec/exec-request.ts';
import type { Choice } from '../../operations/many/choose.ts';
import type { Args, Call, Result } from '../command.ts';
import { jobNameFor } from '../exec/job-name.ts';
import { withResultFile } from '../exec/result-file.ts';
import { type StartCommand, starter } from '../exec/run-exec.ts';
import type { JobWishes } from '../line/exec-options.ts';
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
import { runMany } from './run-many.ts';
import { spoolInput } from './spool.ts';

export type ManyArgs = Args<typeof CHOOSE_OPTIONS> &
  Args<typeof CONTROL_OPTIONS> &
  Args<typeof OUTPUT_OPTIONS> & { readonly result: string | undefined };

type Durable = JobWishes | undefined;

interface ExecManyLine {
  readonly meant: Meant & { readonly kind: 'many' };
  readonly request: Omit<ExecRequest, 'identifier'>;
  readonly durable: Durable;
}

/** `azlin exec` where many are meant, or something that one command alone does not need. */
export async function execOnMany(
  call: Omit<Call, 'args'> & { readonly args: ManyArgs },
  { meant, request, durable }: ExecManyLine,
): Promise<Result<ExecData>> {
  const { args, app } = call;
  const plainCall = call as unknown as Call;
  const { group, 'output-dir': outputDir, result } = args;
  refuseWithoutOutput(call, durable);
  const control = controlOf(args, app.clock);
  const spool = request.stdin ? await spoolInput(plainCall) : undefined;
  try {
    return await withResultFile(call, result, async (save) => {
      const choosing = { from: meant.from, refresh: args.refresh, ask: false, control };
      const choice = await choose(plainCall, choosing);
      if (!meant.isPlain) for (const note of choice.notes) call.note(note);
      /** Each reads its input, and has its job, for itself. */
      const requestFor = () => ({ ...request, until: control.until, stdin: spool?.open() });
      const jobFor = (identifier: string) => durable && { ...durable, job: jobOf(durable, choice, identifier) };
      if (durable?.detach) return startJobs(plainCall, { choice, control, requestFor, jobFor });
      const start: StartCommand = (access, identifier, signal) =>
        starter(requestFor(), jobFor(identifier))(access, identifier, signal);
      return runMany(plainCall, { meant, choice, control, start, save, group, outputDir });
    });
  } finally {
    spool?.remove();
  }
}

interface JobsLine {
  readonly choice: Choice;
  readonly control: Control;
  readonly requestFor: () => Omit<ExecRequest, 'identifier'>;
  readonly jobFor: (identifier: string) => Durable;
}

/** Starts a job for each, and follows none. */
async function startJobs(call: Call, { choice, control, requestFor, jobFor }: JobsLine): Promise<Result<ExecData>> {
  const { newJobId, startJob } = await import('../../operations/jobs/durable.ts');
  const ids = new Map<string, string>();
  const act = async (...[access, identifier, signal]: Parameters<StartCommand>): Promise<Detached> => {
    const wishes = jobFor(identifier) as JobWishes;
    // Asked once more it must be the same job, not another one.
    const job = wishes.job ?? ids.get(identifier) ?? newJobId();
    ids.set(identifier, job);
    const started = await startJob(access, { ...requestFor(), ...wishes, job, identifier }, signal);
    if (started.doubt) throw started.doubt;
    return { id: started.id, target: started.target };
  };
  const { values, exitCode, ...rest } = await forEach(call, { choice, control, doing: 'Starting jobs', act });
  // As for every failure of exec itself.
  const code = exitCode === 0 || exitCode === 1 || exitCode > 128 ? exitCode : 255;
  return { data: { kind: 'jobs', jobs: values }, exitCode: code, ...rest };
}

/** Two sessions of a VM must not share a job. */
function jobOf({ job }: NonNullable<Durable>, { isOneEach }: Choice, identifier: string) {
  return job === undefined || isOneEach ? job : jobNameFor(job, identifier);
}

/** Options about output that there will not be. Throws `usage`. */
function refuseWithoutOutput(
  { args, config }: Pick<Call, 'config'> & { readonly args: ManyArgs },
  durable: Durable,
): void {
  const { group, 'output-dir': directory } = args;
  if (durable?.detach && (group || directory !== undefined))
    throw new AppError('usage', `With --detach there is no output for ${group ? '--group' : '--output-dir'}`, {
      hint: 'azlin logs shows what a job has said',
    });
  if (group && config.format !== 'table' && config.sources.format === 'flag')
    throw new AppError(
      'usage',
      `Give --group or --format ${config.format}, not both: one is to be read, the other parsed`,
    );
}
