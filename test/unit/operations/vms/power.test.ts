import { describe, expect, test } from '@jest/globals';
import { AppError } from '../../../../src/domain/errors.ts';
import type { PowerState, Vm } from '../../../../src/domain/vm.ts';
import type { VmPower } from '../../../../src/inventory/vm-power.ts';
import { changePower, meantVms, whatRunsOn } from '../../../../src/operations/vms/power.ts';
import { aCaller } from '../../../support/caller.ts';
import { anAccess, fakeSurvey, keptInventory, settled } from '../../../support/fake-fleet.ts';
import { aSession, aVm } from '../../../support/vm.ts';

const vmIn = (name: string, powerState: PowerState, fields: Partial<Vm> = {}) => aVm(name, { powerState, ...fields });

async function meant(
  from: Parameters<typeof meantVms>[1],
  { vms, kept = vms, verb = 'start' }: { vms: readonly Vm[]; kept?: readonly Vm[]; verb?: 'start' | 'stop' },
) {
  const { inventory, asked } = keptInventory(kept, vms);
  const work = { access: anAccess({ inventory }), caller: aCaller() };
  const found = await meantVms(work, from, { verb, isFresh: false }).catch((error: AppError) => error);
  if (found instanceof AppError) return { error: found, asked };
  return { hostnames: found.vms.map(({ hostname }) => hostname), already: found.already, notes: found.notes, asked };
}

describe('the VMs that are meant', () => {
  const vms = [vmIn('web-1', 'Running'), vmIn('web-2', 'Deallocated'), vmIn('web-3', 'Stopped'), vmIn('db', 'Running')];

  test.each([
    ['start', ['web-2', 'web-3'], ['web-1'], ['to start: web-[2-3]', 'left out, already running: web-1']],
    // A VM that is stopped and not deallocated is still billed for.
    ['stop', ['web-1', 'web-3'], ['web-2'], ['to stop: web-[1,3]', 'left out, already deallocated: web-2']],
  ] as const)('by a pattern are those for which there is something to do: %s', async (verb, todo, already, notes) => {
    expect(await meant(['web-*'], { vms, verb })).toMatchObject({ hostnames: todo, already, notes });
  });

  test('by their names are those, whatever their state, each once', async () => {
    const { hostnames, already, notes } = await meant(['web-1', 'WEB-1,web-*'], { vms });
    expect([hostnames, already]).toEqual([['web-1', 'web-2', 'web-3'], []]);
    expect(notes).toEqual(['to start: web-[1-3]']);
    expect((await meant(['web-1'], { vms })).notes).toEqual([]);
  });

  test('by what they are: with nothing to do that is said', async () => {
    const choice = { tags: [], hosts: ['db'], session: undefined };
    expect(await meant(choice, { vms })).toMatchObject({
      hostnames: [],
      notes: ['to start: none', expect.anything()],
    });
  });

  test('have their resource group in their names where one name stands twice', async () => {
    const twins = [vmIn('web', 'Stopped', { resourceGroup: 'a', id: '/a' }), vmIn('web', 'Stopped', { id: '/b' })];
    expect((await meant(['w*'], { vms: twins })).hostnames).toEqual(['a/web', 'rg/web']);
    const { error, hostnames } = await meant(['web'], { vms: twins });
    expect([error?.code, error?.hint, hostnames]).toEqual(['ambiguous', 'azlin start a/web', undefined]);
  });

  test('are looked up afresh before a pattern decides: old data may say they run', async () => {
    const kept = [vmIn('web-1', 'Running')];
    const now = [vmIn('web-1', 'Deallocated')];
    expect(await meant(['web-*'], { vms: now, kept })).toMatchObject({
      ...{ hostnames: ['web-1'], already: [], asked: ['kept', 'fresh'] },
    });
    // One that is named is meant, whatever its state is.
    expect((await meant(['web-1'], { vms: now, kept })).asked).toEqual(['kept']);
  });

  test('are looked for afresh when old data has none; a mistake of the user is one at once', async () => {
    const kept = [vmIn('db', 'Running')];
    expect(await meant(['web-1'], { vms, kept })).toMatchObject({ hostnames: ['web-1'], asked: ['kept', 'fresh'] });
    expect(await meant(['nosuch'], { vms })).toMatchObject({
      error: { code: 'vm-not-found', message: 'No VM is named "nosuch"' },
      asked: ['kept', 'fresh'],
    });
    expect(await meant(['web-1:dev'], { vms })).toMatchObject({ error: { code: 'usage' }, asked: ['kept'] });
  });
});

type Starting = (name: string, signal: AbortSignal) => Promise<void>;

/** Starts VMs of these names; what becomes of one is for `start` to say, by its name. */
function starting(names: readonly string[], start: Starting, look?: VmPower['look']) {
  const stopping = new AbortController();
  const warnings: string[] = [];
  const progress: (string | undefined)[] = [];
  const power: VmPower = {
    start: ({ hostname }, { signal }) => start(hostname, signal),
    stop: () => Promise.reject(new Error('nothing is to be stopped')),
    restart: () => Promise.reject(new Error('nothing is to be restarted')),
    look: look ?? (async ({ vm }) => ({ ...vm, powerState: 'Running', publicIp: `10.0.0.${vm.name}` })),
  };
  const caller = aCaller({
    signal: stopping.signal,
    warn: (line) => warnings.push(line),
    progress: (line) => progress.push(line),
  });
  const named = names.map((hostname) => ({ hostname, vm: vmIn(hostname, 'Deallocated', { publicIp: null }) }));
  return {
    ...{ warnings, progress },
    result: changePower({ access: anAccess({ power }), caller }, 'start', named),
    interrupt: () => stopping.abort(new AppError('interrupted', 'Interrupted')),
  };
}

describe('starting VMs', () => {
  const fails = (reasons: Readonly<Record<string, string>>) => async (name: string) => {
    const reason = reasons[name];
    if (reason !== undefined) throw new AppError('azure-failed', reason, { hint: `about ${name}` });
  };

  test('gives each with the address that it has now, and says how far it is', async () => {
    const { result, progress } = starting(['1', '2'], async () => {});
    const { rows, failure } = await result;
    expect(rows.map(({ hostname, status, ip }) => [hostname, status, ip])).toEqual([
      ['1', 'Running', '10.0.0.1'],
      ['2', 'Running', '10.0.0.2'],
    ]);
    expect(failure).toBeUndefined();
    expect(progress).toEqual([
      ...['Starting 2 VMs, 0 done', 'Starting 2 VMs, 1 done', 'Starting 2 VMs, 2 done', undefined],
    ]);
  });

  test('that fails for one does not hold up the others; its error is given as it is', async () => {
    const { rows, failure } = await starting(['1', '2', '3'], fails({ 2: 'no quota' })).result;
    expect(rows.map(({ hostname }) => hostname)).toEqual(['1', '3']);
    expect(failure).toMatchObject({ code: 'azure-failed', message: 'no quota' });
  });

  test('that fails for several is one error with every reason', async () => {
    const { failure } = await starting(['1', '2', '3'], fails({ 1: 'no quota', 3: 'it is locked' })).result;
    expect(failure).toMatchObject({
      message: 'Cannot start 2 of 3 VMs:\n  no quota\n  it is locked',
      hint: 'about 1',
    });
  });

  test('that fails for all in the same way says so once', async () => {
    const { failure } = await starting(['1', '2'], fails({ 1: 'no quota', 2: 'no quota' })).result;
    expect(failure?.message).toBe('no quota');
  });

  test('is done even where the address cannot be asked', async () => {
    const look = () => Promise.reject(new AppError('azure-failed', 'too many requests'));
    const { result, warnings } = starting(['1'], async () => {}, look);
    expect((await result).rows).toEqual([expect.objectContaining({ hostname: '1', status: 'Running', ip: null })]);
    expect(warnings).toEqual(['the address of "1" could not be looked up: too many requests']);
  });

  test('that is interrupted says what Azure may still do, and not what is done', async () => {
    const { result, interrupt, progress } = starting(['1', '2', '3'], async (name, signal) => {
      if (name !== '1') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    await settled();
    interrupt();
    await expect(result).rejects.toMatchObject({
      code: 'interrupted',
      message: 'Interrupted; Azure may still start 2, 3',
      hint: 'azlin status --refresh shows the state',
    });
    expect(progress.at(-1)).toBeUndefined();
  });
});

test('what runs on VMs is said before they are stopped; those that cannot be asked are unknown', async () => {
  const vms = [vmIn('a', 'Running'), vmIn('b', 'Running'), vmIn('c', 'Unknown'), vmIn('d', 'Stopped')];
  const { survey, asked } = fakeSurvey({
    a: { probe: 'ok', sessions: [aSession('dev', { attached: 2 }), aSession('api', { attached: 1 })] },
    b: { probe: 'no-tmux', reason: 'no tmux' },
    c: { probe: 'timed-out', reason: 'timed out after 5 s' },
  });
  const named = vms.map((vm) => ({ vm, hostname: vm.name }));
  expect(await whatRunsOn({ access: anAccess({ survey }), caller: aCaller() }, named, 5_000)).toEqual([
    { text: 'a: 2 sessions, 3 clients attached', sessions: 2 },
    { text: 'b: no tmux', sessions: 0 },
    { text: 'c: its sessions are unknown: timed out after 5 s', sessions: undefined },
    { text: 'd: Stopped', sessions: 0 },
  ]);
  expect(asked).toEqual([['a', 'b', 'c']]);
});
