import { PassThrough } from 'node:stream';
import type { AppError } from '../../src/domain/errors.ts';
import { addressOf, type Vm } from '../../src/domain/vm.ts';
import type { Fleet, Inventory } from '../../src/inventory/inventory.ts';
import type { FleetAccess, FleetSettings } from '../../src/operations/access/fleet-access.ts';
import { SCRIPTS, type ScriptName } from '../../src/remote/remote-script.ts';
import { shellFile } from '../../src/remote/shell-files.ts';
import type { Answer } from '../../src/targets/probe.ts';
import { resolver } from '../../src/targets/resolve.ts';
import type { Survey } from '../../src/targets/survey.ts';
import { endpointOfAddress, endpointOfVm } from '../../src/transport/endpoint.ts';
import type { Connection, ExitStatus, RemoteProcess, Transport } from '../../src/transport/transport.ts';
import { manualClock } from './clock.ts';
import { aVm } from './vm.ts';

/** A script that has arrived on a VM; the test says what it does. */
export interface FakeProcess {
  readonly name: ScriptName;
  readonly values: Readonly<Record<string, string>>;
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  say(text: string): void;
  /** Ends the process, with exit code 0 by default. */
  end(status?: ExitStatus): void;
  /** Whether azlin has closed its channel. */
  isClosed(): boolean;
}

export type Script = (process: FakeProcess) => void;
export type Scripts = Readonly<Partial<Record<ScriptName, Script>>>;

/** Writes a line and keeps running. */
export const says =
  (text: string): Script =>
  (process) =>
    process.say(`${text}\n`);

/** Writes a line and ends. */
export const answers =
  (text: string): Script =>
  (process) => {
    process.say(`${text}\n`);
    process.end();
  };

/** Ends because its link breaks. */
export const breaks =
  (cause: AppError): Script =>
  (process) =>
    process.end({ kind: 'lost', cause });

/** Each call uses the next behaviour; the last one stays for ever. */
export function inTurn(...turns: readonly Script[]): Script {
  let next = 0;
  return (process) => turns[Math.min(next++, turns.length - 1)]?.(process);
}

/** A VM on which scripts do what the test says. `processes`: all that have arrived there, in order. */
export function fakeVm(scripts: Scripts) {
  const processes: FakeProcess[] = [];
  const connection: Connection = {
    async spawn({ text }, { onSent }) {
      const { process, remote } = fakeProcess(text.toString());
      const script = scripts[process.name];
      processes.push(process);
      if (!script) throw new Error(`no VM runs ${process.name} in this test`);
      onSent?.(true);
      script(process);
      return remote;
    },
    forward: nowhere,
  };
  return {
    connection,
    processes,
    of: (name: ScriptName) => processes.filter((process) => process.name === name),
    transport: { ...NO_TRANSPORT, connect: async () => connection } satisfies Transport,
  };
}

const nowhere = () => Promise.reject(new Error('no VM can be connected to in this test'));

const NO_TRANSPORT: Transport = {
  connect: nowhere,
  dial: nowhere,
  identitiesFor: nowhere,
  knock: nowhere,
  release: () => {},
  close: () => {},
};

function fakeProcess(text: string) {
  const name = SCRIPTS.find((one) => text.endsWith(`\n${shellFile(one)}`));
  if (name === undefined) throw new Error('this is none of the scripts');
  const assigned = text.slice(0, -shellFile(name).length).matchAll(/^azlin_(\w+)='((?:[^']|'\\'')*)'$/gm);
  const values = Object.fromEntries(
    [...assigned].map(([, key, value]) => [key, value?.replaceAll("'\\''", "'") ?? '']),
  );
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let settle = (_exit: ExitStatus) => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    settle = resolve;
  });
  let isClosed = false;
  const remote: RemoteProcess = {
    ...{ stdin, stdout, stderr, exit },
    noise: () => '',
    resize: () => {},
    check: () => {},
    close: () => {
      isClosed = true;
    },
  };
  const process: FakeProcess = {
    ...{ name, values, stdin, stdout },
    say: (said) => void stdout.write(said),
    end(status = { kind: 'exited', code: 0 }) {
      stdout.end();
      stderr.end();
      settle(status);
    },
    isClosed: () => isClosed,
  };
  return { process, remote };
}

export function aFleet(vms: readonly Vm[], fields: Partial<Fleet> = {}): Fleet {
  return { vms, warnings: [], provisional: false, fetchedAt: 0, ...fields };
}

/** An inventory with a kept answer, and another one when it is asked afresh. `asked`: how it was asked each time. */
export function keptInventory(kept: readonly Vm[], now: readonly Vm[], fetchedAt = 0) {
  const asked: ('kept' | 'fresh')[] = [];
  const inventory: Inventory = {
    async listVms({ fresh }) {
      asked.push(fresh ? 'fresh' : 'kept');
      return fresh ? aFleet(now) : aFleet(kept, { isKept: true, fetchedAt });
    },
  };
  return { inventory, asked };
}

/** A survey with these answers by VM name; other VMs have no sessions. `asked`: the VMs of each question. */
export function fakeSurvey(answersOf: Readonly<Record<string, Answer>> = {}) {
  const asked: (readonly string[])[] = [];
  const forgotten: string[] = [];
  const survey: Survey = {
    async ask({ vms }) {
      asked.push(vms.map(({ name }) => name));
      const found = vms.map((vm) => [vm, answersOf[vm.name] ?? { probe: 'ok', sessions: [] }] as const);
      return { cached: false, answers: new Map(found) };
    },
    forget: async ({ label }) => void forgotten.push(label),
  };
  return { survey, asked, forgotten };
}

type Parts = Partial<Omit<FleetAccess, 'settings'>> & { readonly settings?: Partial<FleetSettings> };

/** Access to a fleet of one VM, `vm`, that cannot be connected to. Pass what matters to the test. */
export function anAccess({ settings, ...parts }: Parts = {}): FleetAccess {
  const clock = parts.clock ?? manualClock();
  const inventory = parts.inventory ?? { listVms: async () => aFleet([aVm('vm')]) };
  const survey = parts.survey ?? fakeSurvey().survey;
  const endpoints: FleetAccess['endpoints'] = {
    of: (vm, identifierUser) => endpointOfVm(vm, { identifierUser }),
    at: (address, identifierUser) => endpointOfAddress(address, { identifierUser }),
    addressOf,
  };
  const resolving = { endpointOfVm: endpoints.of, endpointOfAddress: endpoints.at, defaultSession: 'azlin' };
  return {
    ...{ clock, now: clock.now, inventory, survey, endpoints, transport: NO_TRANSPORT },
    resolver: resolver({ clock, inventory, survey, ...resolving, deadline: 1_000, sessionsTtl: 0 }),
    hostKeys: {
      typesOf: async () => [],
      isPinned: async () => true,
      hasExactly: async () => true,
      pin: nowhere,
      check: nowhere,
      update: nowhere,
      show: nowhere,
      aliasesOf: nowhere,
      forget: nowhere,
      ofAzure: nowhere,
    },
    jobMemory: { recall: async () => [], remember: async () => {}, all: async () => [] },
    history: { note: async () => {} },
    power: { start: nowhere, stop: nowhere, restart: nowhere, look: nowhere },
    ...parts,
    settings: {
      ...{
        mayMove: false,
        lags: false,
        sshConfig: { entries: [], files: [] },
        defaultSession: 'azlin',
        label: 'me@here',
      },
      ...{ commandDeadline: 10_000, startDeadline: 60_000, reconnectDeadline: 60_000, killAfter: 5_000 },
      ...settings,
    },
  };
}

/** Lets everything happen that follows from what has happened so far, without time passing. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
