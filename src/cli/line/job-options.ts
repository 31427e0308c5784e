import type { FindRequest } from '../../operations/jobs/find-job.ts';
import type { Config } from '../../settings/config.ts';
import type { Options } from '../command.ts';

/** Where to look for a job. */
export const VM_OPTION = {
  vm: { kind: 'text', takes: 'VM', describe: 'The VM of the job, if several have one with that id' },
} as const satisfies Options;

export function findRequest(name: string, vm: string | undefined, config: Config): FindRequest {
  return { name, vm, deadline: config.listDeadline, wholeDeadline: config.listWholeDeadline };
}
