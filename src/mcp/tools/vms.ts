import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { listJobs } from '../../operations/jobs/list-jobs.ts';
import { changePower, meantVms, whatRunsOn } from '../../operations/vms/power.ts';
import { isPattern } from '../../targets/pattern.ts';
import { CHANGES, defineTool, ENDS, type ToolCall } from '../tool.ts';
import { vmOf } from './targets.ts';

const WARNINGS = { warnings: z.array(z.string()) };
const text = z.string().nullable();

const POWER = {
  output: z.object({
    vms: z.array(z.object({ server: z.string(), status: z.string(), ip: text })),
    already: z.array(z.string()).describe('VMs that were in that state'),
    ...WARNINGS,
  }),
};

export const SSH_VM_START = defineTool({
  name: 'ssh_vm_start',
  title: 'Start a VM',
  description: 'Starts a VM, which costs money while it runs.',
  input: z.object({ server: z.string().min(1).describe('VM, or resource-group/vm') }),
  ...POWER,
  annotations: { ...CHANGES, idempotentHint: true },
  run: ({ server }, call) => power('start', server, call),
});

export const SSH_VM_STOP = defineTool({
  name: 'ssh_vm_stop',
  title: 'Stop a VM',
  description:
    'Stops and deallocates a VM, which ends its sessions and jobs. If it has sessions or running jobs, `force` is required.',
  input: z.object({
    server: z.string().min(1).describe('VM, or resource-group/vm'),
    force: z.boolean().default(false).describe('Stop it even if it has sessions or running jobs'),
  }),
  ...POWER,
  annotations: { ...ENDS, idempotentHint: true },
  async run({ server, force }, call) {
    const { context, caller } = call;
    const meant = await meantOf('stop', server, call);
    const [there] = force ? [] : await whatRunsOn({ access: context.access, caller }, meant.vms, context.limits.list);
    // A VM that does not run has no jobs either.
    const isUp = meant.vms.some(({ vm }) => vm.powerState === 'Running');
    const jobs = there && isUp ? await runningJobs(server, call) : 0;
    if (there && (there.sessions !== 0 || jobs !== 0)) {
      const running =
        jobs === 0 ? '' : jobs === undefined ? ', its jobs are unknown' : `, ${count(jobs, 'running job')}`;
      throw new AppError('usage', `Stopping the VM would end what is running on it: ${there.text}${running}`, {
        hint: 'force: true stops it anyway',
      });
    }
    return power('stop', server, call);
  },
});

/** How many jobs run on a VM; undefined if it does not tell. */
async function runningJobs(target: string, { context, caller }: ToolCall): Promise<number | undefined> {
  const { list: deadline, listWhole: wholeDeadline } = context.limits;
  try {
    const jobs = await listJobs(context.access, { target, deadline, wholeDeadline }, caller);
    return jobs.filter(({ state }) => state === 'running' || state === 'starting').length;
  } catch {
    caller.signal.throwIfAborted();
    return undefined;
  }
}

/** The VM that is meant, if the settings allow the call for it. */
async function meantOf(verb: 'start' | 'stop', server: string, { context, caller, permit }: ToolCall) {
  if (isPattern(server)) throw new AppError('usage', `"${server}" is a pattern; name one VM`);
  const meant = await meantVms({ access: context.access, caller }, [server], { verb, isFresh: false });
  for (const { vm, hostname } of meant.vms) await permit({ hostname, session: '', vm });
  return meant;
}

async function power(verb: 'start' | 'stop', server: string, call: ToolCall) {
  const { context, caller, warnings } = call;
  const { vms, already } = await meantOf(verb, server, call);
  const { rows, failure } = await changePower({ access: context.access, caller }, verb, vms);
  if (failure) throw failure;
  const changed = rows.map(({ hostname, status, ip }) => ({ server: hostname, status, ip }));
  return { vms: changed, already: [...already], warnings: [...warnings] };
}

export const SSH_CONNECTION_STATUS = defineTool({
  name: 'ssh_connection_status',
  title: 'Look after connections',
  description:
    'status: whether a VM can be reached now, and how long that takes. reconnect: drops the connection that is kept open to it and makes another one. disconnect: only drops it. cleanup: removes records of sessions that have expired.',
  input: z.object({
    action: z.enum(['status', 'reconnect', 'disconnect', 'cleanup']).describe('What to do'),
    server: z.string().min(1).optional().describe('The VM; not for cleanup'),
  }),
  output: z.object({
    server: text,
    connected: z.boolean().nullable(),
    milliseconds: z.int().nullable(),
    address: text,
    expired: z.int().nullable().describe('Records that were removed'),
    reason: text.describe('Why it cannot be reached'),
    ...WARNINGS,
  }),
  annotations: CHANGES,
  async run({ action, server }, call) {
    const { context, caller, warnings } = call;
    const nothing = { server: null, connected: null, milliseconds: null, address: null, expired: null, reason: null };
    if (action === 'cleanup')
      return { ...nothing, expired: await (await context.registry()).expire(), warnings: [...warnings] };
    if (server === undefined) throw new AppError('usage', `${action} needs a server`);
    const { hostname, endpoint } = await vmOf(server, call);
    if (action !== 'status') await context.vms.drop([endpoint.hostKeyAlias]);
    const where = { ...nothing, server: hostname, address: endpoint.address };
    if (action === 'disconnect') return { ...where, connected: false, warnings: [...warnings] };
    const since = context.clock.now();
    try {
      await context.access.transport.connect(endpoint, caller);
      return { ...where, connected: true, milliseconds: context.clock.now() - since, warnings: [...warnings] };
    } catch (error) {
      caller.signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
      return { ...where, connected: false, reason: error.message, warnings: [...warnings] };
    }
  },
});
