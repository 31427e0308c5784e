import { defineCommand } from '../command.ts';
import { withResultFile } from '../exec/result-file.ts';
import { runExec } from '../exec/run-exec.ts';
import { EACH_OPTIONS, meantBy, wantsRecords } from '../line/fleet-options.ts';
import { chooseEachJob, FIND_OPTIONS, findRequest } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { runMany } from '../many/run-many.ts';
import { execView } from '../views/exec.ts';

export const wait = defineCommand({
  usage: '[job]',
  positionals: {
    job: "The id of a job, its beginning, or vm:session for the newest job there; or several: 'web-*:main'",
  },
  takesMany: true,
  examples: [
    { line: 'azlin wait deploy-42', does: 'wherever it runs' },
    { line: 'azlin wait --vm web-1 deploy-42', does: 'when several VMs have a job with that id' },
    { line: 'azlin wait --result out.json v42', does: 'with its outcome as JSON' },
    { line: 'azlin wait v42,deploy-42', does: 'for both' },
    { line: "azlin wait --deadline 5m 'web-*:main'", does: 'for the newest job of each, 5 minutes at most' },
  ],
  seeAlso: ['jobs', 'logs', 'cancel'],
  options: {
    result: { kind: 'text', takes: 'FILE', describe: 'Write the outcome to this file as JSON' },
    ...FIND_OPTIONS,
    exit: EACH_OPTIONS.exit,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  failsWith255: true,
  async run(call) {
    const { args, positionals, config } = call;
    const { watchJob } = await import('../../operations/jobs/job-as-command.ts');
    const meant = meantBy(args, positionals['job'], { name: 'wait', takes: 'job' });
    if (meant.kind === 'one')
      return runExec(call, {
        identifier: meant.identifier,
        start: async (access, _target, caller) => {
          const { findJob } = await import('../../operations/jobs/find-job.ts');
          return watchJob(
            access,
            await findJob(access, findRequest(meant.identifier, args.vm, config), caller),
            caller,
          );
        },
        result: args.result,
        record: wantsRecords(call),
      });
    return withResultFile(call, args.result, async (save) => {
      const { choice, control, jobOf } = await chooseEachJob(call, args, meant);
      return runMany(call, {
        ...{ meant, choice, control, save, group: false, outputDir: undefined, isWatched: true },
        start: async (access, target, caller) => watchJob(access, jobOf(target), caller),
      });
    });
  },
  view: execView,
});
