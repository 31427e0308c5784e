import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Machine } from '../../src/demo/virtual-machine.ts';
import { atMost } from '../../src/domain/concurrency.ts';
import { AppError } from '../../src/domain/errors.ts';
import { commandScript } from '../../src/remote/remote-script.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { sharedTransport } from '../../src/transport/shared-transport.ts';
import type { RemoteProcess, Step } from '../../src/transport/transport.ts';
import { aCaller } from '../support/caller.ts';
import { aDialer, type TestDialer } from '../support/dialer.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { type Fault, startProxy } from '../support/proxy.ts';
import { random } from '../support/random.ts';
import { until } from '../support/until.ts';

/*
 * A real sshd behind a proxy that fails at every phase in every way, at a random byte: always an error of ours that says what happened, within
 * the deadlines, and nothing left behind. AZLIN_FAULT_SEED and AZLIN_FAULT_CASES choose others.
 */

const SEED = Number(process.env['AZLIN_FAULT_SEED'] ?? 1);
const CASES = Number(process.env['AZLIN_FAULT_CASES'] ?? 240);
const STEP_DEADLINE = 700;
const KEEPALIVE = 250;

const PHASES = [
  'before banner',
  'banner',
  'key exchange',
  'authentication',
  'opening a channel',
  'in a command',
] as const;
type Phase = (typeof PHASES)[number];
const FAULTS: readonly Fault[] = ['cut', 'close', 'stall', 'slow', 'garbage', 'half-open'];

interface Case {
  readonly phase: Phase;
  readonly fault: Fault;
  /** Bytes of the server that still pass. */
  readonly bytes: number;
  /** Whether the server is known, so that shortcuts are taken. */
  readonly isKnown: boolean;
}

const next = random(SEED);
const CASE_LIST: readonly Case[] = Array.from({ length: CASES }, (_, index) => {
  const phase = PHASES[index % PHASES.length] as Phase;
  const fault = FAULTS[Math.floor(index / PHASES.length) % FAULTS.length] as Fault;
  return {
    phase,
    fault,
    isKnown: Math.floor(index / PHASES.length / FAULTS.length) % 2 === 1,
    bytes: Math.floor(
      next() *
        {
          'before banner': 1,
          banner: 30,
          'key exchange': 900,
          authentication: 300,
          'opening a channel': 100,
          'in a command': 20_000,
        }[phase],
    ),
  };
});

let lab: Lab;
let dialer: TestDialer;
let vm: Machine;
const caller = aCaller();
const { signal } = caller;
beforeAll(async () => {
  lab = await startLab();
  vm = await lab.start('vm', { sshdConfig: ['MaxStartups 200', 'LoginGraceTime 20'] });
  dialer = aDialer(lab.directory, lab.identity);
  // Its host key is known from here on.
  (await dialer.dial(dialer.to(vm), caller)).close();
});
afterAll(() => lab.close());

function childrenOf(pid: number): number {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line !== '').length;
}

interface Ending {
  /** An error of ours, how a command ended, or what should never be seen. */
  readonly how: string;
  readonly message: string;
  readonly took: number;
}

async function runCase({ phase, fault, bytes, isKnown }: Case): Promise<Ending> {
  const proxy = await startProxy(vm.address, vm.port, () => Math.floor(next() * 256));
  const endpoint = dialer.to(
    { ...vm, address: '127.0.0.1', port: proxy.port },
    // A slow server must not seem to be silent when this machine is busy.
    { connectTimeout: STEP_DEADLINE, keepalive: fault === 'slow' ? 2_000 : KEEPALIVE },
  );
  // The host key is that of the VM, whatever its port.
  const known = { ...endpoint, hostKeyAlias: dialer.to(vm).hostKeyAlias };
  if (isKnown) await getToKnow(known);
  const started = Date.now();
  const after: Partial<Record<Step['kind'], Phase>> = {
    reached: 'banner',
    answered: 'key exchange',
    verified: 'authentication',
  };
  if (phase === 'before banner') proxy.inject(fault);
  const onStep = ({ kind }: Step) => {
    if (after[kind] === phase) proxy.inject(fault, bytes);
  };
  const { identitiesFor, knock, begin, dial } = dialer;
  const transport = sharedTransport({ identitiesFor, knock, begin, dial, close() {} });
  try {
    const connection = await transport.connect(known, caller, onStep);
    if (phase === 'opening a channel') proxy.inject(fault, bytes);
    const remote = await connection.spawn(
      commandScript(['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done']),
      { signal, early: true },
    );
    if (phase === 'in a command') proxy.inject(fault, bytes);
    return { ...(await endingOf(remote)), took: Date.now() - started };
  } catch (error) {
    const how = error instanceof AppError ? error.code : 'something else';
    return { how, message: String(error), took: Date.now() - started };
  } finally {
    transport.close();
    // A link that is closed behind a stalled proxy ends with it.
    proxy.inject(undefined);
    proxy.close();
    await until('the connections to the proxy to end', () => proxy.open() === 0);
  }
}

async function getToKnow(endpoint: Endpoint): Promise<void> {
  const patient = { ...endpoint, ssh: { ...endpoint.ssh, connectTimeout: 20_000, keepalive: 0 } };
  const link = await dialer.dial(patient, caller);
  const remote = await link.spawn(commandScript(['true']), { signal });
  if (typeof remote === 'string') throw new Error(remote);
  remote.stdout.resume();
  remote.stderr.resume();
  await remote.exit;
  link.close();
}

async function endingOf(remote: RemoteProcess): Promise<Omit<Ending, 'took'>> {
  remote.stderr.resume();
  let stdout = '';
  for await (const chunk of remote.stdout) stdout += chunk;
  const exit = await remote.exit;
  if (exit.kind === 'lost') return { how: exit.cause.code, message: exit.cause.message };
  // A command that is said to have ended must have said everything.
  const isWhole = stdout === Array.from({ length: 3_000 }, (_, index) => `line ${index}\n`).join('');
  return { how: isWhole ? 'exited' : 'cut short', message: JSON.stringify(exit) };
}

/** What may come of a fault. A step may run out of time whatever the fault: the machine may be busy. */
function expected({ phase, fault }: Case): RegExp {
  // It comes through, or is too slow for one of the steps.
  if (fault === 'slow') return /^(exited|timed-out)$/;
  if (phase === 'in a command') return /^(exited|connection-lost|timed-out)$/;
  if (phase === 'before banner') return /^(unreachable|timed-out)$/;
  // The bytes that still pass may be more than there are at that stage.
  return phase === 'banner' || phase === 'key exchange'
    ? /^(exited|connection-lost|unreachable|timed-out)$/
    : /^(exited|connection-lost|unreachable|timed-out|ssh-denied)$/;
}

describe('faults of the network', () => {
  test(`${CASES} cases, seed ${SEED}`, async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = sockets();
    const endings = await atMost(12, CASE_LIST, async (one) => ({ one, ending: await runCase(one) }));
    const odd = endings.filter(({ one, ending }) => !expected(one).test(ending.how));
    expect(odd).toEqual([]);
    // Nothing hangs: every step has its deadline, and a lost link is noticed by its silence. A busy machine may take a multiple of that.
    const most = STEP_DEADLINE * 5 + KEEPALIVE * 3;
    expect(endings.filter(({ ending }) => ending.took > 5 * most)).toEqual([]);
    // Each kind of fault was seen to do something.
    for (const fault of FAULTS.filter((one) => one !== 'slow'))
      expect(
        endings.filter(({ one, ending }) => one.fault === fault && ending.how !== 'exited').length,
      ).toBeGreaterThan(CASES / FAULTS.length / 4);
    await until('the sessions on the server to end', () => childrenOf(vm.pid) === 0);
    await until('the sockets to be closed', () => sockets() <= before);
  }, 180_000);
});
