import { describe, expect, test } from '@jest/globals';
import { addressOf } from '../../../../src/domain/vm.ts';
import type { FleetAccess } from '../../../../src/operations/access/fleet-access.ts';
import { fleetStatus } from '../../../../src/operations/vms/fleet-status.ts';
import { endpointOfAddress, endpointOfVm } from '../../../../src/transport/endpoint.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import { aVm } from '../../../support/vm.ts';

describe('the status of a fleet', () => {
  test('dead VMs have a deadline each and one for all; who is not asked says so', async () => {
    const clock = manualClock();
    const vms = Array.from({ length: 100 }, (_, index) => aVm(`vm-${String(index).padStart(3, '0')}`));
    const off = aVm('off', { powerState: 'Deallocated' });
    const warnings: string[] = [];
    let dialled = 0;
    const access = {
      // Nobody answers: all that happens is that time passes.
      clock: {
        now: clock.now,
        schedule: (ms: number, run: () => void) => {
          const cancel = clock.schedule(ms, run);
          setImmediate(() => clock.advance(1_000));
          return cancel;
        },
      },
      now: clock.now,
      inventory: {
        listVms: async () => ({ vms: [...vms, off], warnings: [], provisional: false, fetchedAt: clock.now() }),
      },
      endpoints: { of: (vm) => endpointOfVm(vm, {}), at: (address) => endpointOfAddress(address, {}), addressOf },
      settings: { lags: false } as FleetAccess['settings'],
      transport: {
        connect: () => {
          dialled++;
          return new Promise(() => {});
        },
        dial: () => new Promise(() => {}),
        knock: () => new Promise<void>(() => {}),
        release: () => {},
        identitiesFor: () => new Promise(() => {}),
        close: () => {},
      },
    } as Partial<FleetAccess> as FleetAccess;
    const request = { from: undefined, refresh: false, deadline: 5_000, wholeDeadline: 8_000 };
    const { vms: statuses } = await fleetStatus(access, request, aCaller({ warn: (line) => warnings.push(line) }));
    expect(statuses).toHaveLength(101);
    expect(statuses.find(({ hostname }) => hostname === 'off')).toMatchObject({
      probe: 'skipped',
      reason: 'the VM is deallocated',
    });
    const late = statuses.filter(({ reason }) => reason === 'not asked within 8 s');
    expect(late.length).toBeGreaterThan(0);
    expect(late.length + dialled).toBe(100);
    expect(warnings).toHaveLength(100);
  });
});
