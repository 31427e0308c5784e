import { PassThrough, Readable } from 'node:stream';
import type { App, Interrupts } from '../../src/cli/app.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { addressOf, type Vm } from '../../src/domain/vm.ts';
import type { FleetAccess } from '../../src/operations/access/fleet-access.ts';
import { loadConfig } from '../../src/settings/config.ts';
import type { Answer } from '../../src/targets/probe.ts';
import { resolver } from '../../src/targets/resolve.ts';
import type { Survey } from '../../src/targets/survey.ts';
import { endpointOfAddress, endpointOfVm } from '../../src/transport/endpoint.ts';
import { manualClock } from './clock.ts';

export interface FakeFleet {
  readonly vms: readonly Vm[];
  /** By VM name; other VMs have no sessions. */
  readonly answers?: Readonly<Record<string, Answer>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** The width of the terminal of stdout and stderr; by default they are not terminals. */
  readonly columns?: number;
}

/** Runs the whole program in this process, on a fleet of literals: a line in, what a user sees out. No VM can be connected to. */
export async function run(line: string, fleet: FakeFleet) {
  const stdout = collector(fleet.columns);
  const stderr = collector(fleet.columns);
  const io = { stdin: () => Readable.from([]), stdout, stderr };
  const argv = line.split(' ').filter((word) => word !== '');
  const exitCode = await runProgram({ argv, app: fakeApp(fleet), io, interrupts: NO_INTERRUPTS });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

const NO_INTERRUPTS: Interrupts = {
  signal: new AbortController().signal,
  exitCode: () => undefined,
  takeOver: () => () => {},
  onExit: () => () => {},
  onContinue: () => () => {},
};

function collector(columns: number | undefined) {
  const chunks: Buffer[] = [];
  const stream = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  return Object.assign(stream, terminal, { text: () => Buffer.concat(chunks).toString() });
}

function fakeApp(fleet: FakeFleet): App {
  const environment = { AZLIN_HOME: '/nonexistent', ...fleet.environment };
  const clock = manualClock();
  const unused = () => {
    throw new Error('not in this test');
  };
  return {
    environment,
    home: '/nonexistent',
    clock,
    version: () => '1.2.3',
    givenArguments: () => undefined,
    hideArguments: () => {},
    config: (overrides) => loadConfig({ environment, home: '/nonexistent' }, overrides),
    access: async () => fakeAccess(fleet, clock.now()),
    terminal: () => undefined,
    canAsk: () => false,
    confirm: async () => undefined,
    questions: () => undefined,
    pick: unused,
    askText: unused,
    daemon: unused,
    registry: unused,
    mcp: unused,
    auditFile: unused,
    demo: unused,
    known: unused,
    detect: unused,
    openEditor: unused,
    resource: unused,
    close: async () => {},
  };
}

function fakeAccess({ vms, answers = {} }: FakeFleet, now: number): FleetAccess {
  const clock = manualClock(now);
  const inventory: FleetAccess['inventory'] = {
    listVms: async () => ({ vms, warnings: [], provisional: false, fetchedAt: now }),
  };
  const survey: Survey = {
    async ask({ vms: wanted, onAnswer }) {
      const found = wanted.map((vm) => [vm, answers[vm.name] ?? { probe: 'ok', sessions: [] }] as const);
      for (const [vm, answer] of found) onAnswer?.(vm, answer);
      return { cached: false, answers: new Map(found) };
    },
    forget: async () => {},
  };
  const unreachable = () => Promise.reject(new Error('no VM can be connected to in this test'));
  const endpointOf = (vm: Vm) => endpointOfVm(vm, {});
  return {
    clock,
    now: clock.now,
    inventory,
    survey,
    resolver: resolver({
      clock,
      inventory,
      survey,
      endpointOfVm: endpointOf,
      endpointOfAddress: (address) => endpointOfAddress(address, {}),
      defaultSession: 'azlin',
      deadline: 1,
      sessionsTtl: 1,
    }),
    transport: {
      connect: unreachable,
      dial: unreachable,
      identitiesFor: unreachable,
      knock: unreachable,
      release: () => {},
      close: () => {},
    },
    endpoints: { of: endpointOf, at: (address) => endpointOfAddress(address, {}), addressOf },
    hostKeys: {
      typesOf: async () => [],
      isPinned: async () => true,
      hasExactly: async () => true,
      pin: unreachable,
      check: unreachable,
      update: unreachable,
      show: unreachable,
      aliasesOf: unreachable,
      forget: unreachable,
      ofAzure: unreachable,
    },
    jobMemory: { recall: async () => [], remember: async () => {}, all: async () => [] },
    history: { note: async () => {} },
    power: { start: unreachable, stop: unreachable, restart: unreachable, look: unreachable },
    settings: {
      ...{ mayMove: false, lags: false, sshConfig: { entries: [], files: [] } },
      ...{ commandDeadline: 1, startDeadline: 1, reconnectDeadline: 1, killAfter: 1 },
      ...{ defaultSession: 'azlin', label: 'me@here' },
    },
  };
}
