import { readFile } from 'node:fs/promises';
import type { Clock } from '../domain/clock.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import { withoutMark } from '../domain/text.ts';
import type { PowerState, Vm } from '../domain/vm.ts';
import { hostKeyName } from './host-key-name.ts';
import type { Inventory } from './inventory.ts';

const POWER_STATES: readonly PowerState[] = ['Running', 'Stopped', 'Deallocated', 'Starting', 'Stopping', 'Unknown'];

const FIELDS = [
  'name',
  'address',
  'private_address',
  'user',
  'port',
  'resource_group',
  'subscription',
  'region',
  'size',
  'status',
  'id',
  'os',
  'tags',
];

export interface FileSettings {
  readonly clock: Clock;
  /** Only VMs of this group. */
  readonly resourceGroup: string | undefined;
  /** Only VMs of these subscriptions, and VMs that name none. Empty or `all` means every VM. */
  readonly subscriptions: readonly string[];
}

/** VMs from a TOML or JSON file with a list `vms` of records. Every mistake in it is an error that names the entry. */
export function fileInventory(path: string, { clock, resourceGroup, subscriptions }: FileSettings): Inventory {
  const inScope = (vm: Vm) =>
    (resourceGroup === undefined || vm.resourceGroup.toLowerCase() === resourceGroup.toLowerCase()) &&
    (subscriptions.length === 0 ||
      subscriptions.includes('all') ||
      vm.subscriptionId === '' ||
      subscriptions.includes(vm.subscriptionId));
  return {
    async listVms() {
      const entries = entriesOf(await parse(path), path);
      const vms = entries.map((entry, index) => vmOf(entry, `${path}: VM ${index + 1}`));
      refuseTwins(vms, path);
      return { vms: vms.filter(inScope), warnings: [], provisional: false, fetchedAt: clock.now() };
    },
  };
}

async function parse(path: string): Promise<unknown> {
  let text: string;
  try {
    text = withoutMark(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AppError('config', `Cannot read the inventory ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'inventory.source and AZLIN_INVENTORY are "azure", "resource-graph" or the path to a TOML or JSON file',
    });
  }
  try {
    if (path.endsWith('.json')) return JSON.parse(text);
    return (await import('smol-toml')).parse(text);
  } catch (error) {
    throw new AppError('config', `Cannot read the inventory ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function entriesOf(document: unknown, path: string): readonly Readonly<Record<string, unknown>>[] {
  const list = Array.isArray(document) ? document : (document as { vms?: unknown })?.vms;
  if (Array.isArray(list) && list.every((entry) => typeof entry === 'object' && entry !== null)) return list;
  throw new AppError('config', `The inventory ${path} has no list "vms"`, {
    hint: 'write [[vms]] with name and address for each VM',
  });
}

function vmOf(entry: Readonly<Record<string, unknown>>, where: string): Vm {
  const unknown = Object.keys(entry).find((key) => !FIELDS.includes(key));
  if (unknown)
    throw new AppError('config', `${where}: unknown field "${unknown}"`, {
      hint: `the fields are ${FIELDS.join(', ')}`,
    });
  const text = (key: string): string | null => {
    const value = entry[key];
    if (value === undefined || value === null) return null;
    if (typeof value === 'string') return value;
    throw new AppError('config', `${where}: "${key}" must be a string`);
  };
  const name = text('name');
  if (!name) throw new AppError('config', `${where}: "name" is missing`);
  const resourceGroup = text('resource_group') ?? 'local';
  const id = text('id') ?? `file:${resourceGroup}/${name}`.toLowerCase();
  return {
    id,
    vmId: hostKeyName(id),
    name,
    resourceGroup,
    subscriptionId: text('subscription') ?? '',
    region: text('region') ?? '',
    size: text('size') ?? '',
    powerState: powerState(text('status') ?? 'Running', where),
    publicIp: text('address'),
    privateIp: text('private_address'),
    adminUser: text('user'),
    os: text('os') === 'windows' ? 'windows' : 'linux',
    tags: tagsOf(entry, where),
  };
}

/** Throws if no identifier can tell two of the VMs apart. */
function refuseTwins(vms: readonly Vm[], path: string): void {
  const seen = new Set<string>();
  for (const { name, resourceGroup } of vms) {
    const key = `${resourceGroup}/${name}`.toLowerCase();
    if (seen.has(key))
      throw new AppError('config', `${path}: two VMs are named "${name}" in the resource group "${resourceGroup}"`);
    seen.add(key);
  }
}

function powerState(value: string, where: string): PowerState {
  const state = POWER_STATES.find((known) => known.toLowerCase() === value.toLowerCase());
  if (state) return state;
  throw new AppError('config', `${where}: invalid "status": "${value}"`, {
    hint: `expected one of ${POWER_STATES.join(', ')}`,
  });
}

function tagsOf(entry: Readonly<Record<string, unknown>>, where: string): Record<string, string> {
  const tags = entry['tags'] ?? {};
  if (typeof tags !== 'object' || Array.isArray(tags)) throw new AppError('config', `${where}: "tags" must be a table`);
  const texts = Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, String(value)]));
  const port = entry['port'];
  return port === undefined ? texts : { 'azlin-ssh-port': String(port), ...texts };
}
