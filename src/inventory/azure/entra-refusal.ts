import type { Caller } from '../../domain/caller.ts';
import { messageOf } from '../../domain/errors.ts';
import type { EntraSignIn } from '../../domain/ssh-choices.ts';
import { printable, shellWord } from '../../domain/text.ts';
import { type AzureSettings, askAzure } from './ask-azure.ts';
import { jsonReader, type Reading } from './json.ts';
import { API_VERSIONS } from './subscription-vms.ts';
import { isSystemAssigned } from './vm-from-azure.ts';
import { readOne } from './vm-look.ts';

const EXTENSION = 'AADSSHLoginForLinux';
const IDENTITY = 'a system-assigned identity';

/** What a VM needs so that it accepts certificates of Entra ID, and whether it has that. */
interface LoginState {
  readonly hasIdentity: boolean;
  /** The state of its extension, `Succeeded` where it works; undefined if it has none. */
  readonly extension: string | undefined;
}

/**
 * Finds out why VMs may have refused a certificate of Entra ID: Azure knows what is installed on them, and the rest is a matter of roles. For a list of
 * many VMs, only a few are looked at. Rejects only with the reason of the caller's signal.
 */
export function entraRefusals(settings: AzureSettings) {
  let looked = 0;
  return async (entra: EntraSignIn, label: string, caller: Caller) => {
    const { vmId, as, tenant } = entra;
    const unknown = (problem: string) => ({
      problem,
      cure: `the VM needs the extension ${EXTENSION} and ${IDENTITY}, and ${as} the role ${ROLES}`,
    });
    if (vmId === null) return unknown('Azure cannot say why, because this is an address, not a VM in the inventory');
    if (looked++ >= MOST) return unknown('Azure was not asked why');
    try {
      const asking = askAzure(settings, caller).in(tenant ?? undefined);
      asking.names.set(vmId.toLowerCase(), label);
      const path = `${vmId}?api-version=${API_VERSIONS['Microsoft.Compute']}`;
      return judge(await readOne(asking, path, readLoginState), { vmId, as });
    } catch (error) {
      caller.signal.throwIfAborted();
      return unknown(`Azure does not say why: ${messageOf(error)}`);
    }
  };
}

const MOST = 5;

interface Who extends Pick<EntraSignIn, 'as'> {
  readonly vmId: string;
}

function judge({ extension, hasIdentity }: LoginState, { vmId, as }: Who) {
  const id = shellWord(vmId);
  if (extension === undefined)
    return {
      problem: `the VM does not have the extension ${EXTENSION}`,
      cure: `az vm extension set --publisher Microsoft.Azure.ActiveDirectory --name ${EXTENSION} --ids ${id}`,
    };
  if (!hasIdentity)
    return {
      problem: `the VM does not have ${IDENTITY}, which the extension ${EXTENSION} needs`,
      cure: `az vm identity assign --ids ${id}`,
    };
  if (extension !== 'Succeeded')
    return {
      problem: `its extension ${EXTENSION} does not work: its state is ${printable(extension)}`,
      cure: `az vm extension show --ids ${shellWord(`${vmId}/extensions/${EXTENSION}`)} --instance-view`,
    };
  return {
    problem: `${as} probably lacks the role ${ROLES}`,
    cure: `az role assignment create --assignee ${shellWord(as)} --role "Virtual Machine User Login" --scope ${id}`,
  };
}

const ROLES = 'Virtual Machine User Login or Virtual Machine Administrator Login';

function readLoginState(raw: unknown): Reading<LoginState> {
  const reader = jsonReader();
  const { identity, resources } = reader.record(raw, 'VM');
  const type = reader.text(reader.record(identity, 'identity')['type'], 'identity');
  const states = reader.list(resources, 'resources').flatMap((one) => {
    const properties = reader.record(reader.record(one, 'resources')['properties'], 'resources');
    const isOurs = reader.text(properties['type'], 'resources')?.toLowerCase() === EXTENSION.toLowerCase();
    return isOurs ? [reader.text(properties['provisioningState'], 'resources') ?? 'unknown'] : [];
  });
  return { found: { hasIdentity: isSystemAssigned(type), extension: states[0] } };
}
