import { formatAge } from '../../domain/duration.ts';
import { fleetStatus, targetStatus } from '../../operations/vms/status.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { statusView } from '../views/status.ts';

export const status = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'vm, vm:session, or a session; without one, every VM in scope' },
  examples: [
    { line: 'azlin status myvm', does: 'state, size, addresses, sessions, clients' },
    { line: 'azlin status myvm:dev', does: 'only that session' },
    { line: 'azlin status', does: 'one line for each VM, stopped ones too' },
    { line: 'azlin status myvm --format json | jq -r .status', does: 'for programs' },
  ],
  seeAlso: ['list', 'doctor'],
  options: {
    refresh: { kind: 'flag', describe: 'Ask Azure, not the cache' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, config, caller }) {
    const identifier = positionals['identifier'];
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const request = { refresh: args.refresh, deadline };
    if (identifier !== undefined) {
      const vm = await targetStatus(await access(), { ...request, target: identifier }, caller);
      return { data: { vms: [vm], one: true } };
    }
    const { vms, failure } = await fleetStatus(await access(), { ...request, wholeDeadline }, caller);
    const age = vms[0]?.ageSeconds ?? 0;
    const old = `data from Azure is ${formatAge(age * 1_000)} old; azlin status --refresh asks again`;
    return {
      data: { vms, one: false },
      failure,
      notes: vms.length === 0 ? ['no VMs in scope'] : age < 2 ? [] : [old],
    };
  },
  view: statusView,
});
