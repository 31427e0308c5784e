import { describe, expect, test } from '@jest/globals';
import type { Caller } from '../../../../src/domain/caller.ts';
import { AppError, type ErrorCode } from '../../../../src/domain/errors.ts';
import type { FleetAccess } from '../../../../src/operations/access/fleet-access.ts';
import type { AttachedSession, ConnectRequest } from '../../../../src/operations/sessions/connect.ts';
import { type Offline, reattach } from '../../../../src/operations/sessions/reattach.ts';
import { type Target, targetOf } from '../../../../src/targets/target.ts';
import { type Endpoint, endpointOfVm } from '../../../../src/transport/endpoint.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import { aVm } from '../../../support/vm.ts';

const refused = (code: ErrorCode, message: string = code) => new AppError(code, message);

interface World {
  /** What a knock at an address hears; nothing by default. */
  readonly knock?: (address: string) => Promise<void>;
  /** What becomes of a connection to an address. */
  readonly connect?: (address: string) => Promise<never>;
  /** Where the VM is. */
  readonly look?: () => Promise<Target>;
  readonly attempts?: number;
  readonly brief?: number;
}

const VM = aVm('vm', { id: 'file:vm', publicIp: '127.0.0.1' });
const targetAt = (address: string, powerState: 'Running' | 'Deallocated' = 'Running'): Target => {
  const vm = { ...VM, publicIp: address, powerState } as const;
  const fields = {
    hostname: 'vm',
    vm,
    user: undefined,
    session: 'dev',
    origin: 'named',
    cached: true,
    fetchedAt: 0,
  } as const;
  return targetOf(fields, () => endpointOfVm(vm, {}));
};
const never = () => new Promise<never>(() => {});

/** A lost session, and time that passes when it is told to. */
function lose({
  knock = never,
  connect = () => Promise.reject(refused('unreachable')),
  look,
  attempts,
  brief = 0,
}: World) {
  const clock = manualClock(1_000_000);
  const connects: [seconds: number, address: string][] = [];
  const told: Offline[] = [];
  let hurry = () => {};
  const seconds = () => (clock.now() - 1_000_000) / 1_000;
  const access = {
    clock,
    transport: {
      knock: (endpoint: Endpoint, { signal }: Caller) =>
        Promise.race([
          knock(endpoint.address),
          new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        ]),
      connect: (endpoint: Endpoint) => {
        connects.push([seconds(), endpoint.address]);
        return connect(endpoint.address);
      },
    },
    resolver: { refresh: look ?? (async () => targetAt('127.0.0.1')) },
  } as unknown as FleetAccess;
  const stopping = new AbortController();
  const outcome = reattach({
    access,
    request: {} as ConnectRequest,
    lost: { target: targetAt('127.0.0.1') } as AttachedSession,
    cause: refused('connection-lost', 'the link broke'),
    brief,
    attempts,
    onHurry(call) {
      hurry = call;
      return () => {};
    },
    tell: (state) => void told.push(state),
    caller: aCaller({ signal: stopping.signal }),
  }).then(
    () => 'attached',
    (error: unknown) => error as AppError,
  );
  return {
    outcome,
    connects,
    told,
    stop: () => stopping.abort(refused('interrupted')),
    hurry: () => hurry(),
    /** Lets time pass in small steps, with everything that comes of it. */
    async pass(ms: number) {
      for (let gone = 0; gone < ms; gone += 100) {
        clock.advance(100);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe('reattach', () => {
  test('nobody is connected to before the server answers; then at once', async () => {
    let isUp = false;
    const lost = lose({ knock: () => (isUp ? Promise.resolve() : Promise.reject(refused('unreachable'))) });
    await lost.pass(20_000);
    expect(lost.connects).toEqual([]);
    isUp = true;
    await lost.pass(600);
    expect(lost.connects).toHaveLength(1);
    expect(lost.connects[0]?.[0]).toBeLessThanOrEqual(20.5);
    lost.stop();
    expect(await lost.outcome).toMatchObject({ code: 'interrupted' });
  });

  test('few knocks at once, however long they go without an answer', async () => {
    let open = 0;
    let most = 0;
    const knock = async () => {
      most = Math.max(most, ++open);
      await never();
    };
    // Whoever is asked where it is takes their time: it is one attempt.
    const lost = lose({ knock, look: never });
    await lost.pass(2_900);
    expect(most).toBe(4);
    lost.stop();
    await lost.outcome;
  });

  test('after a quarter of an hour knocks become rare; Enter makes them frequent again', async () => {
    let knocks = 0;
    const knock = () => {
      knocks++;
      return Promise.reject(refused('unreachable'));
    };
    const lost = lose({ knock });
    const during = async (ms: number) => {
      const before = knocks;
      await lost.pass(ms);
      return knocks - before;
    };
    expect(await during(60_000)).toBeGreaterThan(120);
    await lost.pass(15 * 60_000);
    expect(await during(60_000)).toBeLessThan(40);
    lost.hurry();
    await lost.pass(1_000);
    expect(await during(60_000)).toBeGreaterThan(120);
    lost.stop();
    await lost.outcome;
  }, 30_000);

  test('a server that answers and then fails is given time', async () => {
    const lost = lose({ knock: async () => {}, connect: () => Promise.reject(refused('ssh-denied')) });
    await lost.pass(60_000);
    expect(lost.connects.length).toBeGreaterThan(5);
    expect(lost.connects.length).toBeLessThan(12);
    expect(lost.told.some(({ reason }) => reason === 'sign-in refused')).toBe(true);
    lost.stop();
    await lost.outcome;
  });

  test('the line counts down, and Enter waits for nothing', async () => {
    const lost = lose({ knock: () => Promise.reject(refused('unreachable')) });
    await lost.pass(14_000);
    const seconds = lost.told.map((state) => state.seconds).filter((one) => one !== undefined);
    expect(seconds.slice(0, 8)).toEqual([1, 2, 1, 4, 3, 2, 1, 8]);
    const before = lost.told.filter((state) => state.seconds === undefined).length;
    lost.hurry();
    await lost.pass(100);
    expect(lost.told.filter((state) => state.seconds === undefined)).toHaveLength(before + 1);
    // And the waits begin anew.
    await lost.pass(500);
    expect(lost.told.at(-1)?.seconds).toBe(1);
    lost.stop();
    await lost.outcome;
  });

  test.each([1, 3])('%i attempts and no more', async (attempts) => {
    const lost = lose({ knock: () => Promise.reject(refused('unreachable', 'no route')), attempts });
    await lost.pass(30_000);
    expect(await lost.outcome).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(new RegExp(`${attempts} attempts? to reconnect failed: no route$`)),
      hint: expect.stringContaining('azlin connect vm:dev'),
    });
  });

  test('no attempt at all: what broke it is the error', async () => {
    const lost = lose({ attempts: 0 });
    expect(await lost.outcome).toMatchObject({ code: 'connection-lost', message: 'the link broke' });
  });

  test.each(['host-key-changed', 'vm-not-found', 'session-not-found', 'detached', 'tmux-missing'] as const)(
    '%s ends it',
    async (code) => {
      const lost = lose({ knock: async () => {}, connect: () => Promise.reject(refused(code)) });
      await lost.pass(1_000);
      expect(await lost.outcome).toMatchObject({ code });
      expect(lost.connects).toHaveLength(1);
    },
  );

  test('a VM that has moved is found there; one that is stopped is waited for', async () => {
    let there = targetAt('127.0.0.1', 'Deallocated');
    const lost = lose({ look: async () => there });
    await lost.pass(5_000);
    expect(lost.told.at(-1)?.reason).toBe('the VM is deallocated');
    expect(lost.connects).toEqual([]);
    there = targetAt('127.0.0.9');
    await lost.pass(6_000);
    expect(lost.connects.map(([, address]) => address)).toEqual(['127.0.0.9']);
    lost.stop();
    await lost.outcome;
  });

  test('a machine at the old address that is another one by now: the VM is where the inventory says', async () => {
    const lost = lose({
      knock: async () => {},
      connect: (address) => Promise.reject(refused(address === '127.0.0.1' ? 'host-key-changed' : 'vm-not-found')),
      look: async () => targetAt('127.0.0.9'),
    });
    await lost.pass(500);
    expect(lost.connects.map(([, address]) => address)).toEqual(['127.0.0.1', '127.0.0.9']);
    expect(await lost.outcome).toMatchObject({ code: 'vm-not-found' });
  });

  test('what ended at once before is not begun at once', async () => {
    const lost = lose({ knock: async () => {}, connect: () => Promise.reject(refused('vm-not-found')), brief: 2 });
    await lost.pass(1_900);
    expect(lost.connects).toEqual([]);
    await lost.pass(200);
    expect(lost.connects).toHaveLength(1);
    await lost.outcome;
  });
});
