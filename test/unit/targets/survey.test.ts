import { mkdtempSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Vm } from '../../../src/domain/vm.ts';
import type { Answer } from '../../../src/targets/probe.ts';
import { survey } from '../../../src/targets/survey.ts';
import { endpointOfVm } from '../../../src/transport/endpoint.ts';
import { aCaller } from '../../support/caller.ts';
import { manualClock } from '../../support/clock.ts';
import { aSession, aVm } from '../../support/vm.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-survey-');
});
afterEach(() => rmSync(directory, { recursive: true }));

const caller = aCaller({
  warn: (line) => {
    throw new Error(line);
  },
});
const request = (vms: readonly Vm[], maxAge: number) => ({
  vms,
  maxAge,
  skipSilent: true,
  deadline: 3_000,
  wholeDeadline: 3_000,
});

function surveyOf(answers: Record<string, Answer>) {
  const clock = manualClock();
  const probed: string[] = [];
  const made = survey({
    clock,
    cacheDirectory: directory,
    lags: false,
    endpointOf: (vm) => endpointOfVm(vm, {}),
    probe: async ({ endpoint, ms }) => {
      const { label } = endpoint();
      probed.push(`${label} ${ms}`);
      return answers[label] ?? { probe: 'ok', sessions: [] };
    },
  });
  return { made, clock, probed };
}

const ok: Answer = { probe: 'ok', sessions: [aSession('dev')] };
const silent: Answer = { probe: 'timed-out', reason: 'timed out' };

describe('survey', () => {
  test('answers are used while they are young enough, never with maxAge 0', async () => {
    const { made, clock, probed } = surveyOf({ a: ok });
    const vms = [aVm('a')];
    expect(await made.ask(request(vms, 30_000), caller)).toMatchObject({ cached: false });
    clock.advance(29_000);
    expect((await made.ask(request(vms, 30_000), caller)).cached).toBe(true);
    expect((await made.ask(request(vms, 0), caller)).cached).toBe(false);
    clock.advance(31_000);
    expect((await made.ask(request(vms, 30_000), caller)).cached).toBe(false);
    expect(probed).toHaveLength(3);
  });

  test('a VM that did not answer is not waited for again for a minute', async () => {
    const { made, clock, probed } = surveyOf({ a: silent });
    const vms = [aVm('a')];
    await made.ask(request(vms, 30_000), caller);
    clock.advance(59_000);
    expect((await made.ask(request(vms, 30_000), caller)).answers.get(vms[0] as Vm)).toEqual(silent);
    // Not even where answers must be fresh; only somebody who wants to see every VM waits.
    expect((await made.ask(request(vms, 0), caller)).cached).toBe(false);
    expect(probed).toHaveLength(1);
    await made.ask({ ...request(vms, 0), skipSilent: false }, caller);
    expect(probed).toHaveLength(2);
    clock.advance(61_000);
    await made.ask(request(vms, 30_000), caller);
    expect(probed).toHaveLength(3);
  });

  test('forgets a VM whose sessions were changed, and keeps the others', async () => {
    const { made, probed } = surveyOf({ a: ok, b: ok });
    const vms = [aVm('a'), aVm('b')];
    await made.ask(request(vms, 30_000), caller);
    await made.forget(endpointOfVm(aVm('a'), {}), caller);
    await made.ask(request(vms, 30_000), caller);
    expect(probed).toEqual(['a 3000', 'b 3000', 'a 3000']);
  });

  test('another user on the VM has other sessions', async () => {
    const { made, probed } = surveyOf({ a: ok });
    await made.ask(request([aVm('a')], 30_000), caller);
    await made.ask(request([aVm('a', { adminUser: 'other' })], 30_000), caller);
    expect(probed).toHaveLength(2);
  });

  test('what is not asked in time is said, and every VM has an answer', async () => {
    const { clock } = surveyOf({});
    const vms = Array.from({ length: 40 }, (_, index) => aVm(`vm-${index}`));
    const slow = survey({
      clock,
      cacheDirectory: directory,
      lags: false,
      endpointOf: (vm) => endpointOfVm(vm, {}),
      probe: async () => {
        clock.advance(200);
        return ok;
      },
    });
    const { answers } = await slow.ask(request(vms, 0), caller);
    const probes = [...answers.values()].map(({ probe }) => probe);
    expect(answers.size).toBe(40);
    expect(new Set(probes)).toEqual(new Set(['ok', 'timed-out']));
  });

  test('a VM without an address gets its answer, too', async () => {
    const { made } = surveyOf({});
    const broken = aVm('x', { publicIp: null });
    const failing = survey({
      clock: manualClock(),
      cacheDirectory: directory,
      lags: false,
      endpointOf: (vm) => endpointOfVm(vm, {}),
      probe: async ({ endpoint }) => {
        try {
          endpoint();
          return ok;
        } catch (error) {
          return { probe: 'unreachable', reason: (error as Error).message };
        }
      },
    });
    expect((await failing.ask(request([broken], 0), caller)).answers.get(broken)).toMatchObject({
      probe: 'unreachable',
    });
    await made.forget(endpointOfVm(aVm('a'), {}), caller);
  });
});
