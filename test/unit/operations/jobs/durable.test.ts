import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import type { Caller } from '../../../../src/domain/caller.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { FleetAccess } from '../../../../src/operations/access/fleet-access.ts';
import { type DurableRequest, execDurably, startJob } from '../../../../src/operations/jobs/durable.ts';
import type { JobMemory } from '../../../../src/operations/jobs/job-memory.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import {
  aFleet,
  anAccess,
  answers,
  breaks,
  fakeVm,
  inTurn,
  type Script,
  says,
  settled,
} from '../../../support/fake-fleet.ts';
import { aVm } from '../../../support/vm.ts';

const BROKEN = new AppError('connection-lost', 'the link broke');
const started = (found: string) => says(`ok 0 cwd ${found} 0 0`);
/** Nobody hears whether it was started. */
const inDoubt = breaks(BROKEN);
const REQUEST: DurableRequest = {
  ...{ target: 'vm:dev', command: ['make'], stdin: undefined, create: false, timeout: undefined },
  ...{ job: undefined, grace: undefined, endsWithUs: false, detach: false },
};

interface World extends Partial<DurableRequest> {
  /** What becomes of starting it, one attempt after the other. */
  readonly turns: readonly Script[];
  readonly parts?: Partial<FleetAccess>;
}

type Operation<T> = (access: FleetAccess, request: DurableRequest, caller: Caller) => Promise<T>;

function begin({ turns, parts = {}, ...request }: World) {
  const clock = manualClock();
  const uploads: Promise<string>[] = [];
  const vm = fakeVm({
    'jobs/start': inTurn(...turns),
    'jobs/upload'({ say, stdin, end }) {
      say('ok ready\n');
      const all = text(stdin);
      uploads.push(all);
      void all.then(() => {
        say('ok\n');
        end();
      });
    },
  });
  const remembered: string[] = [];
  const stopping = new AbortController();
  const warnings: string[] = [];
  const jobMemory: JobMemory = {
    ...{ recall: async () => [], all: async () => [] },
    remember: async (id, identifier) => void remembered.push(`${id} ${identifier}`),
  };
  const access = anAccess({ clock, transport: vm.transport, jobMemory, ...parts });
  const caller = aCaller({ signal: stopping.signal, warn: (line) => warnings.push(line) });
  /** Time passes until there is a result. */
  const through = async <T>(operation: Operation<T>): Promise<T> => {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    const result = operation(access, { ...REQUEST, ...request }, caller);
    void result.then(over, over);
    for (let second = 0; !isOver && second < 600; second++) {
      await settled();
      if (!isOver) clock.advance(1_000);
    }
    return result;
  };
  return {
    ...{ vm, uploads, remembered, warnings, clock },
    interrupt: () => stopping.abort(new AppError('interrupted', 'Interrupted')),
    starts: () => vm.of('jobs/start').map(({ values }) => values),
    result: () => through(startJob),
    asCommand: () => through(execDurably),
  };
}

describe('starting a job', () => {
  test('with an id that cannot name one is a mistake of the user; no VM hears of it', async () => {
    const { result, vm } = begin({ turns: [], job: 'a/b' });
    await expect(result()).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(/job id "a\/b": /) });
    expect(vm.processes).toEqual([]);
  });

  test('is remembered with its place', async () => {
    const { result, remembered } = begin({ turns: [started('new')], job: 'nightly' });
    expect(await result()).toMatchObject({ id: 'nightly', isFound: false, target: 'vm:dev' });
    expect(remembered).toEqual(['nightly vm:dev']);
  });

  test('without an id makes one that must be new; a given one may be there, but not as another command', async () => {
    const fresh = begin({ turns: [started('new')] });
    expect((await fresh.result()).id).toMatch(/^[a-z2-9]{10}$/);
    expect(fresh.starts()[0]?.['is_new']).toBe('new');
    const given = begin({ turns: [started('other')], job: 'nightly' });
    await expect(given.result()).rejects.toMatchObject({
      code: 'usage',
      message: 'Job nightly on vm:dev runs another command; nothing was started',
    });
    expect(given.starts()[0]?.['is_new']).toBe('');
  });

  test('follows it, unless it is to be left', async () => {
    const [stay, leave] = [begin({ turns: [started('new')] }), begin({ turns: [started('new')], detach: true })];
    expect([(await stay.result()).follower?.out, (await leave.result()).follower]).toEqual([0, undefined]);
    expect(leave.starts()[0]?.['detach']).toBe('detach');
  });

  test.each([
    ['the VM', answers('missing'), 'session-not-found'],
    ['its login shell', breaks(new AppError('ssh-denied', 'no shell')), 'ssh-denied'],
  ] as const)('that %s refuses is an error at once', async (_who, script, code) => {
    const { result, vm } = begin({ turns: [script] });
    await expect(result()).rejects.toMatchObject({ code, mayHaveRun: false });
    expect(vm.processes).toHaveLength(1);
  });
});

describe('a job of which nobody knows whether it was started', () => {
  test('is asked for again by the same id and in the same name, so that it runs once', async () => {
    const { result, starts, warnings } = begin({ turns: [inDoubt, started('found')] });
    const { id, isFound, doubt, follower } = await result();
    expect([isFound, doubt, follower?.out]).toEqual([true, undefined, 0]);
    const [first, second] = starts();
    expect([first?.['id_of_job'], second?.['id_of_job']]).toEqual([id, id]);
    expect(second?.['settles']).toBe(first?.['settles']);
    expect([first?.['is_new'], second?.['is_new']]).toEqual(['new', '']);
    expect(warnings).toEqual([`the link broke; asking again whether job ${id} was started`]);
  });

  test('is not one that was there before, if the VM says that this call has started it', async () => {
    const { result } = begin({ turns: [inDoubt, started('new')], job: 'nightly' });
    expect(await result()).toMatchObject({ isFound: false, doubt: undefined });
  });

  test('is not asked for on a VM that has taken the name by then', async () => {
    const replaced = aVm('vm', { vmId: 'another' });
    const vms = [aVm('vm')];
    const there = fakeVm({ 'jobs/start': inDoubt });
    const other = fakeVm({ 'jobs/start': started('new') });
    const { result } = begin({
      turns: [],
      parts: {
        inventory: { listVms: async () => aFleet(vms) },
        transport: {
          ...there.transport,
          async connect({ hostKeyAlias }) {
            if (hostKeyAlias === 'another') return other.connection;
            if (there.processes.length > 0) throw new AppError('host-key-changed', 'another key');
            vms[0] = replaced;
            return there.connection;
          },
        },
      },
    });
    expect(await result()).toMatchObject({ doubt: { code: 'connection-lost' } });
    expect([there.processes.length, other.processes.length]).toEqual([1, 0]);
  });

  test('is in doubt when the time is up; the id to ask by is said', async () => {
    const { result, clock, vm } = begin({ turns: [inDoubt], job: 'nightly' });
    const startedAt = clock.now();
    expect(await result()).toMatchObject({
      follower: undefined,
      doubt: {
        code: 'connection-lost',
        message: 'Job nightly may have been started on vm:dev: the link broke',
        hint: 'azlin wait nightly asks again',
      },
    });
    const waited = clock.now() - startedAt;
    expect(waited).toBeGreaterThan(60_000);
    expect(waited).toBeLessThan(80_000);
    // The waits between become longer.
    expect(vm.processes.length).toBeLessThan(12);
  });

  test('is in doubt after three answers that did not come in time', async () => {
    const { result, vm } = begin({ turns: [() => {}] });
    expect(await result()).toMatchObject({ doubt: { code: 'timed-out' } });
    expect(vm.processes).toHaveLength(3);
  });

  test('is in doubt when its user does not want to wait', async () => {
    const { result, interrupt, vm } = begin({ turns: [() => {}] });
    const interrupted = result();
    await settled();
    interrupt();
    expect(await interrupted).toMatchObject({ doubt: { code: 'interrupted' } });
    expect(vm.processes).toHaveLength(1);
  });

  test('is lost as a command', async () => {
    const { stdout, outcome } = await begin({ turns: [inDoubt], job: 'nightly' }).asCommand();
    expect(await text(stdout)).toBe('');
    expect(await outcome).toMatchObject({ kind: 'lost', cause: { hint: 'azlin wait nightly asks again' } });
  });

  test('and that the VM says will not begin is begun anew, in another name', async () => {
    const { result, starts } = begin({ turns: [inDoubt, answers('no-job'), started('new')] });
    expect(await result()).toMatchObject({ isFound: false, doubt: undefined });
    const [first, second, third] = starts().map(({ settles }) => settles);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test('is none where the VM itself says what is wrong', async () => {
    const { result, vm } = begin({ turns: [inDoubt, answers('missing')] });
    await expect(result()).rejects.toMatchObject({ code: 'session-not-found' });
    expect(vm.processes).toHaveLength(2);
  });
});

describe('what a job reads', () => {
  const stdin = () => Readable.from([Buffer.from('all '), Buffer.from('of it')]);

  test('is taken to the VM once, before it is started, however often it is asked for', async () => {
    const { result, vm, uploads, starts } = begin({ turns: [inDoubt, started('found')], stdin: stdin() });
    expect(await result()).toMatchObject({ isFound: true });
    expect(vm.processes.map(({ name }) => name)).toEqual(['jobs/upload', 'jobs/start', 'jobs/start']);
    const name = vm.of('jobs/upload')[0]?.values['upload'];
    expect(await uploads[0]).toBe(`all of it${name}`);
    expect(starts().map(({ upload }) => upload)).toEqual([name, name]);
  });

  test('is gone with what will not begin: nothing is begun without it', async () => {
    const { result, vm } = begin({ turns: [inDoubt, answers('no-job')], stdin: stdin(), job: 'nightly' });
    await expect(result()).rejects.toMatchObject({
      code: 'vm-failed',
      message: expect.stringMatching(/^Job nightly was not started on vm:dev: /),
      hint: 'nothing ran, and nothing will; try again',
    });
    expect(vm.of('jobs/start')).toHaveLength(2);
  });

  test('and cannot be read leaves the job unstarted', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('it broke off');
      })(),
    );
    const { result, vm } = begin({ turns: [], stdin: broken });
    await expect(result()).rejects.toMatchObject({ message: 'Cannot read the input for the command: it broke off' });
    expect(vm.of('jobs/start')).toEqual([]);
  });
});
