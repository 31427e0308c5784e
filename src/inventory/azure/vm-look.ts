import { AppError } from '../../domain/errors.ts';
import type { PowerState, Vm } from '../../domain/vm.ts';
import type { NamedVm } from '../vm-power.ts';
import { joinAddresses, readInterface, readPublicIp } from './addresses.ts';
import type { AzureWork } from './ask-azure.ts';
import type { Reading } from './json.ts';
import { bodyAt, collect } from './lists.ts';
import { API_VERSIONS } from './subscription-vms.ts';
import { joinVm, readInstanceView, readState, readVm } from './vm-from-azure.ts';

const COMPUTE = `api-version=${API_VERSIONS['Microsoft.Compute']}`;
const NETWORK = `api-version=${API_VERSIONS['Microsoft.Network']}`;

/** One VM as Resource Manager describes it now, with its own interfaces and public addresses. Rejects if any of these cannot be read. */
export async function lookAtVm(asking: AzureWork, { vm: { id, bastions } }: NamedVm): Promise<Vm> {
  const [compute, state] = await readOne(asking, `${id}?${COMPUTE}&$expand=instanceView`, (raw) => {
    const { found: vm, problem } = readVm(raw);
    const { found: known } = readState(raw);
    return { found: vm && known ? ([vm, known[1]] as const) : undefined, problem };
  });
  const interfaces = await Promise.all(
    compute.interfaces.map(({ key }) => readOne(asking, `${key}?${NETWORK}`, readInterface)),
  );
  const ips = interfaces.flatMap(({ configurations }) =>
    configurations.flatMap(({ publicIpKey }) => publicIpKey ?? []),
  );
  const publicIps = await Promise.all(
    [...new Set(ips)].map((key) => readOne(asking, `${key}?${NETWORK}`, readPublicIp)),
  );
  const vm = joinVm(compute, state, joinAddresses(interfaces, publicIps));
  return bastions ? { ...vm, bastions } : vm;
}

/** Only its power state. */
export function lookAtState(asking: AzureWork, { vm: { id } }: NamedVm): Promise<PowerState> {
  return readOne(asking, `${id}/instanceView?${COMPUTE}`, (raw) => ({ found: readInstanceView(raw) }));
}

/** Reads one resource rather than a list. Rejects with an AppError. */
export async function readOne<T>(asking: AzureWork, first: string, read: (raw: unknown) => Reading<T>): Promise<T> {
  const { items, problems, failure } = await collect({
    asking,
    first,
    pageOf: async (at, signal) => ({ raw: [await bodyAt(asking.client, at, signal)], next: undefined }),
    read,
  });
  const [found] = items;
  if (failure) throw failure;
  if (found === undefined)
    throw new AppError('azure-failed', problems[0] ?? 'Azure sent nothing that azlin can read', { hint: 'try again' });
  return found;
}
