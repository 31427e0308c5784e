import { AppError } from '../../domain/errors.ts';
import { type ChosenJobs, chooseJobs } from '../../operations/jobs/choose-jobs.ts';
import type { FindRequest } from '../../operations/jobs/find-job.ts';
import type { Config } from '../../settings/config.ts';
import type { Args, CallContext, Options } from '../command.ts';
import { CHOOSE_OPTIONS, type Control, controlOf, EACH_OPTIONS, type Meant } from './fleet-options.ts';

/** Where to look for a job, or for the newest one of many targets. */
export const FIND_OPTIONS = {
  vm: { kind: 'text', takes: 'VM', describe: 'The VM of the job, if several have one with that id' },
  ...CHOOSE_OPTIONS,
  fanout: { ...EACH_OPTIONS.fanout, describe: 'How many at once; default: all' },
  deadline: EACH_OPTIONS.deadline,
} as const satisfies Options;

export type FindArgs = Args<typeof FIND_OPTIONS>;

export function findRequest(name: string, vm: string | undefined, config: Config): FindRequest {
  return { name, vm, deadline: config.listDeadline, wholeDeadline: config.listWholeDeadline };
}

/** Many at once: whoever only waits or reads holds up nobody. */
const FANOUT = 1_000;

/** Finds the jobs that are meant, and notes which they are. */
export async function chooseEachJob(
  call: CallContext,
  args: FindArgs & Partial<Args<typeof EACH_OPTIONS>>,
  { from, isPlain }: Meant & { readonly kind: 'many' },
): Promise<ChosenJobs & { readonly control: Control }> {
  const { app, config, caller } = call;
  if (args.vm !== undefined && typeof from !== 'string')
    throw new AppError('usage', '--vm goes with the id of a job; --host and --tag choose VMs');
  const control = controlOf({ ...args, fanout: args.fanout ?? `${FANOUT}` }, app.clock);
  const request = { ...findRequest('', args.vm, config), from, fresh: args.refresh };
  const chosen = await chooseJobs(await call.access(), request, caller);
  if (!isPlain) for (const note of chosen.choice.notes) call.note(note);
  return { ...chosen, control };
}
