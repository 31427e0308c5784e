import { describe, expect, test } from '@jest/globals';
import type { Caller } from '../../../../src/domain/caller.ts';
import type { Vm } from '../../../../src/domain/vm.ts';
import { type ChooseRequest, chooseTargets } from '../../../../src/operations/many/choose.ts';
import type { Answer } from '../../../../src/targets/probe.ts';
import { identifierOf } from '../../../../src/targets/target.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import { anAccess, fakeSurvey, keptInventory } from '../../../support/fake-fleet.ts';
import { aSession, aVm } from '../../../support/vm.ts';

const has = (...sessions: Parameters<typeof aSession>[]): Answer => ({
  probe: 'ok',
  sessions: sessions.map((one) => aSession(...one)),
});
const stopped = { powerState: 'Deallocated' } as const;

interface World extends Partial<Omit<ChooseRequest, 'from'>> {
  /** As the inventory is when it is asked now, and as it was. */
  readonly vms?: readonly Vm[];
  readonly kept?: readonly Vm[];
  /** Milliseconds since then. */
  readonly age?: number;
  readonly answers?: Readonly<Record<string, Answer>>;
  readonly start?: Partial<Caller['start']>;
}

async function choose(from: ChooseRequest['from'], world: World = {}) {
  const { vms = [], kept = vms, age = 0, answers, start, ...request } = world;
  const clock = manualClock();
  const { inventory, asked } = keptInventory(kept, vms, clock.now() - age);
  const survey = fakeSurvey(answers);
  const access = anAccess({ clock, inventory, survey: survey.survey });
  const caller = aCaller({ start: { always: false, isOption: false, ask: async () => false, ...start } });
  const whole = { from, fresh: false, ask: false, deadline: 1_000, wholeDeadline: 1_000, ...request };
  const result = await chooseTargets(access, whole, caller).catch((error: unknown) => ({ error }));
  const chosen = 'chosen' in result ? result.chosen : [];
  return {
    ...{ chosen, asked, surveyed: survey.asked },
    targets: chosen.map(({ target }) => identifierOf(target)),
    notes: 'notes' in result ? result.notes : [],
    isOneEach: 'isOneEach' in result && result.isOneEach,
    error: 'error' in result ? result.error : undefined,
  };
}

describe('what is chosen', () => {
  test('addresses need no inventory, and nobody is asked anything', async () => {
    const { targets, notes, asked, surveyed } = await choose('10.0.0.4:dev, me@10.0.0.5');
    expect(targets).toEqual(['10.0.0.4:dev', 'me@10.0.0.5:azlin']);
    expect(notes).toEqual(['"10.0.0.4:dev, me@10.0.0.5" means 2 sessions: 10.0.0.4:dev, me@10.0.0.5:azlin']);
    expect([asked, surveyed]).toEqual([[], []]);
  });

  test('a pattern means the VMs that match, those that run', async () => {
    const vms = [aVm('web-2'), aVm('web-1'), aVm('db'), aVm('web-3', stopped), aVm('web-4', { os: 'windows' })];
    const { chosen, targets, notes } = await choose('WEB-*:main', { vms });
    expect(targets).toEqual(['web-1:main', 'web-2:main']);
    expect(chosen.map(({ mayLack }) => mayLack)).toEqual([true, true]);
    expect(notes).toEqual(['"WEB-*:main" matches 2 VMs: web-[1-2]', 'left out, not running: web-3']);
  });

  test('a stopped VM is chosen with --start, and left out with a word about it without', async () => {
    const vms = [aVm('web-1'), aVm('web-2', stopped)];
    expect((await choose('web-*', { vms, start: { always: true } })).targets).toEqual(['web-1:azlin', 'web-2:azlin']);
    const { notes } = await choose('web-*', { vms, start: { isOption: true } });
    expect(notes).toContain('left out, not running: web-2; --start starts them');
  });

  test('without an identifier it is the default session of every VM', async () => {
    const everything = { tags: [], hosts: [], session: undefined };
    const { targets, notes } = await choose(everything, { vms: [aVm('web-1'), aVm('db')] });
    expect(targets).toEqual(['db:azlin', 'web-1:azlin']);
    expect(notes).toEqual(['--all means the session "azlin" on 2 VMs: db, web-1']);
  });

  test('VMs by their tags, and their sessions by a pattern', async () => {
    const vms = [aVm('web-1', { tags: { Env: 'prod' } }), aVm('web-2')];
    const answers = { 'web-1': has(['api-1'], ['main'], ['api-2']) };
    const { targets, surveyed } = await choose(
      { tags: ['env=prod'], hosts: [], session: 'api-*' },
      {
        ...{ vms, answers },
      },
    );
    expect(targets).toEqual(['web-1:api-1', 'web-1:api-2']);
    expect(surveyed).toEqual([['web-1']]);
  });

  test('VMs that were asked and have no such session, and those that could not be asked, are left out and named', async () => {
    const vms = ['web-1', 'web-2', 'web-3', 'web-4'].map((name) => aVm(name));
    const answers: Record<string, Answer> = {
      'web-1': has(['main']),
      'web-3': { probe: 'no-tmux', reason: 'no tmux' },
      'web-4': { probe: 'timed-out', reason: 'timed out' },
    };
    const { targets, notes } = await choose('web-*:main', { vms, answers, ask: true });
    expect(targets).toEqual(['web-1:main']);
    expect(notes).toEqual([
      '"web-*:main" means 1 session: web-1:main',
      'left out, no such session: web-[2-3]',
      'could not be asked for their sessions: web-4',
    ]);
  });

  test.each([
    ['vm:dev', true],
    ['web-*:main', true],
    ['web-*:api-*', false],
    ['vm:dev,vm:api', false],
  ])('%s can mean no more than one session of a VM: %s', async (from, isOneEach) => {
    const vms = [aVm('vm'), aVm('web-1')];
    const answers = { 'web-1': has(['api-1']) };
    expect((await choose(from, { vms, answers })).isOneEach).toBe(isOneEach);
  });
});

describe('a session that is named twice', () => {
  const vms = [aVm('vm'), aVm('web')];
  const answers = { vm: has(['dev', { friendlyName: 'api' }], ['other']) };

  test('by its name and by its friendly name is one', async () => {
    const { targets, surveyed } = await choose('vm:dev,vm:api,web:main', { vms, answers });
    expect(targets).toEqual(['vm:dev', 'web:main']);
    expect(surveyed).toEqual([['vm']]);
  });

  test('by an identifier and by a pattern is one, and it must be there', async () => {
    const { targets, chosen } = await choose('v*:dev,vm:dev', { vms, answers });
    expect(targets).toEqual(['vm:dev']);
    expect(chosen[0]?.mayLack).toBe(false);
  });

  test('is two where another user is meant', async () => {
    const { targets, surveyed } = await choose('vm:dev,root@vm:api', { vms, answers });
    expect(targets).toEqual(['vm:dev', 'root@vm:api']);
    expect(surveyed).toEqual([]);
  });

  test('stays as it was named where the VM has no such session or cannot be asked', async () => {
    const unreachable: Answer = { probe: 'unreachable', reason: 'no route' };
    expect((await choose('vm:dev,vm:new', { vms, answers })).targets).toEqual(['vm:dev', 'vm:new']);
    const { targets } = await choose('vm:dev,vm:api', { vms, answers: { vm: unreachable } });
    expect(targets).toEqual(['vm:dev', 'vm:api']);
  });
});

describe('data that was kept', () => {
  const minutes = 60_000;

  test('is looked up afresh when nothing matches: the VM that is meant may be new', async () => {
    const { targets, asked } = await choose('web-*:main', { kept: [aVm('db')], vms: [aVm('db'), aVm('web-1')] });
    expect(targets).toEqual(['web-1:main']);
    expect(asked).toEqual(['kept', 'fresh']);
  });

  test('is enough when something matches; how old it is is said after a minute', async () => {
    const vms = [aVm('web-1')];
    const old = await choose('web-*', { vms, age: 5 * minutes });
    expect(old.asked).toEqual(['kept']);
    expect(old.notes).toEqual([expect.stringMatching(/web-1 \(as of 5 min ago; --refresh asks again\)$/)]);
    expect((await choose('web-*', { vms, age: minutes })).notes).toEqual([expect.stringMatching(/web-1$/)]);
  });

  test('is not used when the user wants to know afresh', async () => {
    const { targets, asked } = await choose('web-*', { kept: [aVm('web-1')], vms: [aVm('web-2')], fresh: true });
    expect(targets).toEqual(['web-2:azlin']);
    expect(asked).toEqual(['fresh']);
  });
});

describe('nothing at all is an error', () => {
  const vms = [aVm('web-1'), aVm('db', stopped)];

  test.each([
    ['of VMs that are not there', 'app-*', 'vm-not-found', 'No VM matches "app-*"; 2 VMs in scope'],
    ['of VMs that are stopped', 'd*:main', 'vm-not-running', 'Nothing that matches "d*:main" is running: db'],
    [
      'of VMs without such a session',
      'web-*:x*',
      'session-not-found',
      'Nothing matches "web-*:x*": no such session on web-1',
    ],
    ['for a part of a list', 'web-1:main,app-*', 'vm-not-found', 'No VM matches "app-*"; nothing was done'],
    ['for one identifier of several', 'web-*,nosuch:main', 'vm-not-found', 'No VM is named "nosuch"'],
  ])('%s', async (_what, from, code, message) => {
    const { error, targets } = await choose(from, { vms, fresh: true });
    expect(error).toMatchObject({ code, message });
    expect(targets).toEqual([]);
  });
});
