import { defineCommand } from '../command.ts';
import { runExec } from '../exec/run-exec.ts';
import { wantsRecords } from '../line/fleet-options.ts';
import { findRequest, VM_OPTION } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { execView } from '../views/exec.ts';

export const wait = defineCommand({
  usage: '<job>',
  positionals: { job: 'The id of a job, its beginning, or an identifier for the newest job there' },
  examples: [
    { line: 'azlin wait deploy-42', does: 'wherever it runs' },
    { line: 'azlin wait --vm web-1 deploy-42', does: 'when several VMs have a job with that id' },
    { line: 'azlin wait --result out.json v42', does: 'with its outcome as JSON' },
  ],
  seeAlso: ['jobs', 'logs', 'cancel'],
  options: {
    ...VM_OPTION,
    result: { kind: 'text', takes: 'FILE', describe: 'Write the outcome to this file as JSON' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  failsWith255: true,
  run(call) {
    const { args, positionals, config } = call;
    const name = positionals['job'] ?? '';
    return runExec(call, {
      identifier: name,
      start: async (access, _target, caller) => {
        const { findJob } = await import('../../operations/jobs/find-job.ts');
        const { watchJob } = await import('../../operations/jobs/job-as-command.ts');
        return watchJob(access, await findJob(access, findRequest(name, args.vm, config), caller), caller);
      },
      result: args.result,
      record: wantsRecords(call),
    });
  },
  view: execView,
});
