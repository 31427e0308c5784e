import type { PowerState, Vm } from '../../domain/vm.ts';
import { hostKeyName } from '../host-key-name.ts';
import { type Addresses, type InterfaceRef, segmentAfter } from './addresses.ts';
import { isRecord, type JsonReader, jsonReader, type Reading } from './json.ts';

const POWER_STATES: ReadonlyMap<string, PowerState> = new Map([
  ['running', 'Running'],
  ['stopped', 'Stopped'],
  ['deallocated', 'Deallocated'],
  ['starting', 'Starting'],
  ['stopping', 'Stopping'],
  ['deallocating', 'Stopping'],
]);

/** `PowerState/running` and the like. */
export function powerStateOf(code: string): PowerState {
  const [kind, state = ''] = code.toLowerCase().split('/');
  return (kind === 'powerstate' ? POWER_STATES.get(state) : undefined) ?? 'Unknown';
}

/** A VM as Compute describes it, before its addresses and its power state are added. */
export interface ComputeVm {
  /** Its id in lower case. */
  readonly key: string;
  readonly vm: Omit<Vm, 'powerState' | 'publicIp' | 'privateIp'>;
  readonly interfaces: readonly InterfaceRef[];
}

/** Reads a VM as Resource Manager sends it. Azure promises a location and little else: what is missing becomes null, empty or `unknown`. */
export function readVm(raw: unknown): Reading<ComputeVm> {
  const reader = jsonReader();
  const { id: rawId, name: rawName, location, tags, identity, properties: rawProperties } = reader.record(raw, 'VM');
  const id = reader.text(rawId, 'id') ?? '';
  const name = (reader.text(rawName, 'name') ?? '') || segmentAfter(id, 'virtualMachines');
  if (name === '') return { found: undefined, problem: 'Azure sent a VM without a name; it is left out' };
  if (id === '') return { found: undefined, problem: `Azure sent a VM "${name}" without an id; it is left out` };
  const properties = reader.record(rawProperties, 'properties');
  const vm = {
    id,
    vmId: hostKeyName(vmIdOf(reader, properties) ?? id.toLowerCase()),
    name,
    resourceGroup: segmentAfter(id, 'resourceGroups'),
    subscriptionId: segmentAfter(id, 'subscriptions'),
    region: reader.text(location, 'location') ?? '',
    size: reader.text(reader.record(properties['hardwareProfile'], 'hardwareProfile')['vmSize'], 'vmSize') ?? '',
    adminUser:
      reader.text(reader.record(properties['osProfile'], 'osProfile')['adminUsername'], 'adminUsername') ?? null,
    os: osOf(reader, properties),
    hasIdentity: isSystemAssigned(reader.text(reader.record(identity, 'identity')['type'], 'identity')),
    tags: reader.texts(tags, 'tags'),
  } as const;
  const found = { key: id.toLowerCase(), vm, interfaces: interfacesOf(reader, properties['networkProfile']) };
  const problem = reader.malformed.length === 0 ? undefined : malformedText(name, reader.malformed);
  return { found, problem };
}

/** Azure leaves out the identity of a VM that has none. */
export function isSystemAssigned(type: string | undefined): boolean {
  return /SystemAssigned/i.test(type ?? '');
}

/** The id that the host key of the VM is pinned to. */
function vmIdOf(reader: JsonReader, properties: Readonly<Record<string, unknown>>): string | undefined {
  const vmId = reader.text(properties['vmId'], 'vmId');
  if (vmId === undefined || /^(?=.*\S)[^\p{Cc}]{1,128}$/u.test(vmId)) return vmId;
  reader.refuse('vmId');
  return undefined;
}

export function malformedText(name: string, fields: readonly string[]): string {
  return `Azure sent a VM "${name}" with fields that azlin cannot read (${fields.join(', ')}); what depends on them is unknown`;
}

function interfacesOf(reader: JsonReader, networkProfile: unknown): readonly InterfaceRef[] {
  return reader
    .list(reader.record(networkProfile, 'networkProfile')['networkInterfaces'], 'networkInterfaces')
    .flatMap((raw) => {
      const one = reader.record(raw, 'networkInterfaces');
      const id = reader.text(one['id'], 'networkInterfaces');
      const primary = reader.record(one['properties'], 'networkInterfaces')['primary'] === true;
      return id === undefined ? [] : [{ key: id.toLowerCase(), primary }];
    });
}

function osOf(reader: JsonReader, properties: Readonly<Record<string, unknown>>): Vm['os'] {
  const { osDisk } = reader.record(properties['storageProfile'], 'storageProfile');
  const named = osNamed(reader.text(reader.record(osDisk, 'osDisk')['osType'], 'osType'));
  if (named !== 'unknown') return named;
  const { windowsConfiguration, linuxConfiguration } = reader.record(properties['osProfile'], 'osProfile');
  return isRecord(windowsConfiguration) ? 'windows' : isRecord(linuxConfiguration) ? 'linux' : 'unknown';
}

function osNamed(osType: string | undefined): Vm['os'] {
  const name = osType?.toLowerCase();
  return name === 'windows' || name === 'linux' ? name : 'unknown';
}

/** The power state among the statuses of an instance view. */
export function readInstanceView(raw: unknown, reader = jsonReader()): PowerState {
  const codes = reader
    .list(reader.record(raw, 'instanceView')['statuses'], 'statuses')
    .map((status) => reader.text(reader.record(status, 'statuses')['code'], 'statuses') ?? '');
  return powerStateOf(codes.find((code) => /^PowerState\//i.test(code)) ?? '');
}

export type VmState = readonly [key: string, state: PowerState];

/** From the list that holds instance views: a VM's id in lower case and its power state. */
export function readState(raw: unknown): Reading<VmState> {
  const reader = jsonReader();
  const { id: rawId, properties } = reader.record(raw, 'VM');
  const id = reader.text(rawId, 'id');
  if (id === undefined) return { found: undefined, problem: 'Azure sent a power state without the id of its VM' };
  const state = readInstanceView(reader.record(properties, 'properties')['instanceView'], reader);
  const { malformed } = reader;
  const problem = malformed.length === 0 ? undefined : malformedText(segmentAfter(id, 'virtualMachines'), malformed);
  return { found: [id.toLowerCase(), state], problem };
}

export function joinVm({ vm, interfaces }: ComputeVm, powerState: PowerState, addresses: Addresses): Vm {
  return {
    ...vm,
    resourceGroup: addresses.spellingOf(vm.resourceGroup),
    powerState,
    ...addresses.of(interfaces),
  };
}
