import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AppError } from '../../../src/domain/errors.ts';
import type { Vm } from '../../../src/domain/vm.ts';
import type { Answer } from '../../../src/targets/probe.ts';
import { type Resolver, resolver } from '../../../src/targets/resolve.ts';
import type { Target } from '../../../src/targets/target.ts';
import { describeTarget } from '../../../src/targets/target.ts';
import { endpointOfAddress, endpointOfVm } from '../../../src/transport/endpoint.ts';
import { aCaller } from '../../support/caller.ts';
import { manualClock } from '../../support/clock.ts';
import { aSession, aVm } from '../../support/vm.ts';

interface World {
  readonly vms: readonly Vm[];
  /** By VM name. */
  readonly answers?: Readonly<Record<string, Answer>>;
  /** What the second, fresh look finds. */
  readonly later?: { readonly vms?: readonly Vm[]; readonly answers?: Readonly<Record<string, Answer>> };
}

const sessions = (...names: string[]): Answer => ({ probe: 'ok', sessions: names.map((name) => aSession(name)) });
const silent: Answer = { probe: 'timed-out', reason: 'timed out after 3 s' };

function resolverOf({ vms, answers = {}, later }: World) {
  const clock = manualClock();
  const warnings: string[] = [];
  const asked: { fresh: boolean; vms: readonly string[] }[] = [];
  const made: Resolver = resolver({
    clock,
    inventory: {
      listVms: async ({ fresh }) => ({
        vms: fresh ? (later?.vms ?? vms) : vms,
        warnings: [],
        provisional: false,
        fetchedAt: clock.now(),
        isKept: !fresh,
      }),
    },
    survey: {
      async ask({ vms: wanted, maxAge }) {
        asked.push({ fresh: maxAge === 0, vms: wanted.map(({ name }) => name) });
        const known = maxAge === 0 ? { ...answers, ...later?.answers } : answers;
        return { cached: maxAge !== 0, answers: new Map(wanted.map((vm) => [vm, known[vm.name] ?? sessions()])) };
      },
      forget: async () => {},
    },
    endpointOfVm: (vm, identifierUser) => endpointOfVm(vm, { identifierUser }),
    endpointOfAddress: (address, identifierUser) => endpointOfAddress(address, { identifierUser }),
    defaultSession: 'azlin',
    deadline: 3_000,
    sessionsTtl: 30_000,
  });
  const resolve = (text: string) =>
    made.resolve(text, { fresh: false }, aCaller({ warn: (line) => warnings.push(line) }));
  const refresh = (target: Target) => made.refresh(target, aCaller());
  return { resolve, refresh, warnings, asked };
}

async function outcome(world: World, text: string) {
  try {
    const target = await resolverOf(world).resolve(text);
    return `${describeTarget(target)} ${target.origin}`;
  } catch (error) {
    const { code, candidates } = error as AppError;
    return [code, ...(candidates?.items ?? []).map(({ identifier }) => identifier)].join(' ');
  }
}

const FLEET: World = {
  vms: [
    aVm('myvm'),
    aVm('prodvm'),
    aVm('twin', { resourceGroup: 'rg-one' }),
    aVm('twin', { resourceGroup: 'rg-two' }),
    aVm('off', { powerState: 'Deallocated', publicIp: null, privateIp: '127.0.0.9' }),
    aVm('prod', { resourceGroup: 'rg-x' }),
  ],
  answers: {
    myvm: {
      probe: 'ok',
      sessions: [aSession('main'), aSession('dev', { friendlyName: 'deploy' }), aSession('prodvm')],
    },
    prodvm: sessions('main', 'api'),
    off: sessions('hidden'),
  },
};

describe('resolution order', () => {
  test.each([
    ['an exact name asks nobody', 'myvm:nosuch', 'myvm:nosuch named'],
    ['without regard to case of the VM', 'MyVM:Dev', 'myvm:Dev named'],
    ['a session that one VM has', 'api', 'prodvm:api found'],
    ['a friendly name counts', 'deploy', 'myvm:dev found'],
    ['a session that several have', 'main', 'ambiguous myvm:main prodvm:main'],
    ['a session comes before a VM of that name', 'prodvm', 'myvm:prodvm found'],
    ['session names compare with case, so this is the VM', 'PRODVM', 'prodvm:azlin default'],
    ['a host is its default session', 'myvm', 'myvm:azlin default'],
    ['a VM name in two resource groups', 'twin', 'ambiguous rg-one/twin rg-two/twin'],
    ['the same with a session', 'twin:x', 'ambiguous rg-one/twin:x rg-two/twin:x'],
    ['its resource group tells', 'RG-two/twin:x', 'rg-two/twin:x named'],
    ['a stopped VM is not asked, but can be named', 'off', 'off:azlin default'],
    ['its sessions do not count', 'hidden', 'session-not-found'],
    ['nothing of the name, with what comes near', 'mian', 'session-not-found main'],
    ['no such VM, with what comes near', 'myvn:dev', 'vm-not-found myvm'],
    ['an address', '127.0.0.1:x', '127.0.0.1:x named'],
    ['an address without a session', 'bob@[::1]', '[::1]:azlin default'],
  ])('%s', async (_what, text, expected) => {
    expect(await outcome(FLEET, text)).toBe(expected);
  });

  test('never depends on the order of the VMs', async () => {
    const texts = ['main', 'api', 'deploy', 'prodvm', 'twin', 'myvm', 'mian', 'prod', 'rg-x/prod:a'];
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...FLEET.vms], { minLength: FLEET.vms.length }),
        fc.constantFrom(...texts),
        async (vms, text) => {
          expect(await outcome({ ...FLEET, vms }, text)).toBe(await outcome(FLEET, text));
        },
      ),
    );
  });

  test('the user of the identifier is the user to log in as', async () => {
    const { resolve } = resolverOf(FLEET);
    expect((await resolve('alice@myvm:dev')).endpoint.user).toBe('alice');
    expect((await resolve('myvm:dev')).endpoint.user).toBe('azureuser');
  });

  test('two sessions of one VM with the same friendly name are ambiguous', async () => {
    const twice: Answer = {
      probe: 'ok',
      sessions: [aSession('a', { friendlyName: 'x' }), aSession('b', { friendlyName: 'x' })],
    };
    expect(await outcome({ vms: [aVm('vm')], answers: { vm: twice } }, 'x')).toBe('ambiguous vm:a vm:b');
  });
});

describe('what could not be asked', () => {
  test('is named, and the found session is used', async () => {
    const { resolve, warnings } = resolverOf({
      vms: [aVm('a'), aVm('gpu-1')],
      answers: { a: sessions('dev'), 'gpu-1': silent },
    });
    expect(describeTarget(await resolve('dev'))).toBe('a:dev');
    expect(warnings).toEqual(['gpu-1 could not be asked whether it has a session "dev": timed out after 3 s']);
  });

  test('a VM without tmux has been asked', async () => {
    const { resolve, warnings } = resolverOf({
      vms: [aVm('a'), aVm('b')],
      answers: { a: sessions('dev'), b: { probe: 'no-tmux', reason: '' } },
    });
    await resolve('dev');
    expect(warnings).toEqual([]);
  });
});

describe('old data', () => {
  test('is not the base of an error: a missing VM, a missing session, an ambiguity are looked up afresh', async () => {
    const world: World = { vms: [aVm('a'), aVm('b')], answers: { a: sessions('x'), b: sessions('x') } };
    expect(await outcome({ ...world, later: { vms: [...world.vms, aVm('new')] } }, 'new:dev')).toBe('new:dev named');
    expect(await outcome({ ...world, later: { answers: { b: sessions('late') } } }, 'late')).toBe('b:late found');
    expect(await outcome({ ...world, later: { answers: { b: sessions() } } }, 'x')).toBe('a:x found');
  });

  test('a compound name asks no VM', async () => {
    const { resolve, asked } = resolverOf(FLEET);
    await resolve('myvm:dev');
    expect(asked).toEqual([]);
  });
});

describe('a VM without an address', () => {
  const world: World = { vms: [aVm('off', { powerState: 'Deallocated', publicIp: null })] };

  test('is a target all the same, for it may be started', async () => {
    const target = await resolverOf(world).resolve('off:dev');
    expect(target.vm?.powerState).toBe('Deallocated');
    expect(() => target.endpoint).toThrow('it has no IP address');
  });
});

describe('the same target later', () => {
  const refreshed = async (vms: readonly Vm[], later: readonly Vm[], text: string) => {
    const { resolve, refresh } = resolverOf({ vms, later: { vms: later } });
    const { vm, hostname, session, origin, cached } = await refresh(await resolve(text));
    return [vm?.publicIp, hostname, session, origin, cached];
  };

  test('is the VM of that name, even where another one has its id', async () => {
    const [a, b] = [aVm('a', { id: 'file:x', publicIp: '10.0.0.1' }), aVm('b', { id: 'file:x', publicIp: '10.0.0.2' })];
    expect(await refreshed([a, b], [a, { ...b, publicIp: '10.0.0.9' }], 'b:dev')).toEqual([
      '10.0.0.9',
      'b',
      'dev',
      'named',
      false,
    ]);
  });

  test('is found in another resource group, and in its own among several', async () => {
    const vm = aVm('vm', { resourceGroup: 'old', publicIp: '10.0.0.1' });
    const moved = { ...vm, id: '/subscriptions/s/resourceGroups/new/vm', resourceGroup: 'new', publicIp: '10.0.0.2' };
    expect((await refreshed([vm], [moved], 'vm:dev'))[0]).toBe('10.0.0.2');
    const other = aVm('vm', { id: 'other', vmId: 'other', resourceGroup: 'new', publicIp: '10.0.0.3' });
    expect((await refreshed([vm], [other, { ...vm, publicIp: '10.0.0.4' }], 'vm:dev'))[0]).toBe('10.0.0.4');
  });

  test('that is gone is an error that names it', async () => {
    await expect(refreshed([aVm('vm')], [aVm('vm2')], 'vm:dev')).rejects.toMatchObject({
      code: 'vm-not-found',
      message: 'No VM is named "vm"',
    });
  });
});
