import { printable } from '../../domain/text.ts';
import type { CancelledJob } from '../../operations/jobs/find-job.ts';
import { defineCommand, type View } from '../command.ts';
import { findRequest, VM_OPTION } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

const cancelledView: View<CancelledJob> = {
  text({ id, hostname, state, hadEnded }) {
    const which = printable(`Job ${id} on ${hostname}`);
    if (hadEnded) return `${which} had already ended: ${state}\n`;
    return state === 'ending' ? `${which} was asked to end\n` : `${which}: ${state}\n`;
  },
  records: (cancelled) => cancelled,
};

export const cancel = defineCommand({
  usage: '<job>',
  positionals: { job: 'The id of a job, its beginning, or an identifier for the newest job there' },
  examples: [
    { line: 'azlin cancel deploy-42', does: 'wherever it runs' },
    { line: 'azlin cancel --vm web-1 deploy-42', does: 'when several VMs have a job with that id' },
    { line: 'azlin jobs myvm; azlin cancel v42', does: 'see what is running first' },
  ],
  seeAlso: ['jobs', 'logs'],
  options: { ...VM_OPTION, ...SCOPE_OPTIONS, ...SSH_OPTIONS },
  async run({ args, positionals, access, config, caller }) {
    const { cancelJob, findJob } = await import('../../operations/jobs/find-job.ts');
    const fleet = await access();
    const job = await findJob(fleet, findRequest(positionals['job'] ?? '', args.vm, config), caller);
    return { data: await cancelJob(fleet, job, caller) };
  },
  view: cancelledView,
});
