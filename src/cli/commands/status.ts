import { formatAge } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { namesOne } from '../../operations/many/choose.ts';
import { describeChoice } from '../../operations/vms/choose-vms.ts';
import { fleetStatus } from '../../operations/vms/fleet-status.ts';
import { targetStatus } from '../../operations/vms/status.ts';
import { defineCommand } from '../command.ts';
import { VMS_OPTIONS, vmChoice } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { statusView } from '../views/status.ts';

export const status = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: "vm, vm:session, a session, or several: 'web-*'; without one, every VM in scope" },
  takesMany: true,
  examples: [
    { line: 'azlin status myvm', does: 'state, size, addresses, sessions, clients' },
    { line: 'azlin status myvm:dev', does: 'only that session' },
    { line: 'azlin status', does: 'one line for each VM, stopped ones too' },
    { line: "azlin status 'web-*'", does: 'of some' },
    { line: 'azlin status myvm --format json | jq -r .status', does: 'for programs' },
  ],
  seeAlso: ['list', 'doctor'],
  options: {
    refresh: { kind: 'flag', describe: 'Ask Azure, not the cache' },
    ...VMS_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, access, config, caller }) {
    const identifier = positionals['identifier'];
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const choice = vmChoice(args);
    if (choice && identifier !== undefined)
      throw new AppError('usage', `Give "${identifier}" or ${describeChoice(choice)}, not both`);
    const request = { refresh: args.refresh, deadline };
    const one = identifier === undefined ? undefined : namesOne(identifier);
    if (one !== undefined) {
      const vm = await targetStatus(await access(), { ...request, target: one }, caller);
      return { data: { vms: [vm], one: true } };
    }
    const from = choice ?? identifier;
    const { vms, failure } = await fleetStatus(await access(), { ...request, from, wholeDeadline }, caller);
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
