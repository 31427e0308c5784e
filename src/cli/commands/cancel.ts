import { printable } from '../../domain/text.ts';
import type { CancelledJob } from '../../operations/jobs/find-job.ts';
import { defineCommand, type View } from '../command.ts';
import { EACH_OPTIONS, meantBy } from '../line/fleet-options.ts';
import { chooseEachJob, FIND_OPTIONS, findRequest } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { type Act, forEach } from '../many/act-on-each.ts';

const cancelledView: View<CancelledJob | readonly CancelledJob[]> = {
  text: (data) => [data].flat().map(lineOf).join(''),
  records: (data) => data,
  fields: ['id', 'hostname', 'state', 'hadEnded'],
};

function lineOf({ id, hostname, state, hadEnded }: CancelledJob): string {
  const which = printable(`Job ${id} on ${hostname}`);
  if (hadEnded) return `${which} had already ended: ${state}\n`;
  return state === 'ending' ? `${which} was asked to end\n` : `${which}: ${state}\n`;
}

export const cancel = defineCommand({
  usage: '[job]',
  positionals: {
    job: "The id of a job, its beginning, or vm:session for the newest job there; or several: 'web-*:main'",
  },
  takesMany: true,
  examples: [
    { line: 'azlin cancel deploy-42', does: 'wherever it runs' },
    { line: 'azlin cancel --vm web-1 deploy-42', does: 'when several VMs have a job with that id' },
    { line: 'azlin jobs myvm; azlin cancel v42', does: 'see what is running first' },
    { line: "azlin cancel 'web-*:main'", does: 'the newest job of each' },
  ],
  seeAlso: ['jobs', 'logs'],
  options: { ...FIND_OPTIONS, fanout: EACH_OPTIONS.fanout, ...SCOPE_OPTIONS, ...SSH_OPTIONS },
  async run(call) {
    const { args, positionals, access, config, caller } = call;
    const { cancelJob, findJob } = await import('../../operations/jobs/find-job.ts');
    const meant = meantBy(args, positionals['job'], { name: 'cancel', takes: 'job' });
    if (meant.kind === 'one') {
      const fleet = await access();
      const job = await findJob(fleet, findRequest(meant.identifier, args.vm, config), caller);
      return { data: await cancelJob(fleet, job, caller) };
    }
    const { choice, control, jobOf } = await chooseEachJob(call, { ...args, fanout: args.fanout ?? '32' }, meant);
    const act: Act<CancelledJob> = (own, target, one) => cancelJob(own, jobOf(target), one);
    const { values, ...rest } = await forEach(call, { choice, control, doing: 'Cancelling', act });
    return { data: values, ...rest };
  },
  view: cancelledView,
});
