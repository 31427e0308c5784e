import { AppError } from '../../domain/errors.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { jobsView } from '../views/jobs.ts';

export const jobs = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'vm, vm:session, or a session; without one, every running VM in scope' },
  examples: [
    { line: 'azlin jobs', does: 'of the whole fleet, newest first' },
    { line: 'azlin jobs myvm:dev', does: 'of one session' },
    { line: "azlin jobs --host 'web-*'", does: 'of some VMs' },
    { line: "azlin jobs --format json | jq '.[].state'", does: 'for programs' },
  ],
  seeAlso: ['logs', 'wait', 'cancel', 'exec'],
  options: {
    host: { kind: 'text', takes: 'PATTERN', describe: 'Only VMs whose name matches this pattern' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, config, caller }) {
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const { identifier } = positionals;
    if (identifier !== undefined && args.host !== undefined)
      throw new AppError('usage', 'Give an identifier or --host, not both');
    const request = { target: identifier, host: args.host, deadline, wholeDeadline };
    const { listJobs } = await import('../../operations/jobs/list-jobs.ts');
    const data = await listJobs(await access(), request, caller);
    return { data, notes: data.length === 0 ? ['no jobs'] : [] };
  },
  view: jobsView,
});
