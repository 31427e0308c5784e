import { describe, expect, test } from '@jest/globals';
import { AppError, type ErrorCode } from '../../../../src/domain/errors.ts';
import { connectWhenUp } from '../../../../src/operations/access/connect-when-up.ts';
import type { FleetAccess } from '../../../../src/operations/access/fleet-access.ts';
import { targetOf } from '../../../../src/targets/target.ts';
import type { Connection } from '../../../../src/transport/transport.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import { anEndpoint } from '../../../support/endpoint.ts';
import { aVm } from '../../../support/vm.ts';

const CONNECTION = {} as Connection;
const targetAt = (address: string | null) =>
  targetOf(
    { hostname: 'vm', vm: aVm('vm'), user: undefined, session: 's', origin: 'named', cached: false, fetchedAt: 0 },
    () => {
      if (address === null) throw new AppError('unreachable', 'it has no IP address');
      return anEndpoint({ label: 'vm', address });
    },
  );

/** A VM that answers in this way, the last one for ever; time passes as fast as it is waited for. */
async function connect(
  answers: readonly (ErrorCode | 'up')[],
  {
    hasJustStarted = true,
    address = '127.0.0.1' as string | null,
    signal = new AbortController().signal,
    onRetry = () => {},
  } = {},
) {
  const clock = manualClock(0);
  const left = [...answers];
  let attempts = 0;
  const said: (string | undefined)[] = [];
  const access = {
    clock: {
      now: clock.now,
      schedule: (ms: number, run: () => void) => {
        const cancel = clock.schedule(ms, run);
        // Nothing else happens: the time passes.
        const pass = setImmediate(() => clock.advance(ms));
        return () => {
          clearImmediate(pass);
          cancel();
        };
      },
    },
    settings: { startDeadline: 60_000 },
    transport: {
      async connect() {
        attempts++;
        const answer = left.length > 1 ? left.shift() : left[0];
        if (answer === 'up') return CONNECTION;
        throw new AppError(answer as ErrorCode, `it is ${answer}`);
      },
      close: () => {},
    },
  } as unknown as FleetAccess;
  const caller = aCaller({ signal, progress: (text) => said.push(text), trace: () => onRetry() });
  const result = await connectWhenUp(access, { target: targetAt(address), hasJustStarted }, caller).then(
    (connection) => (connection === CONNECTION ? 'connected' : 'something else'),
    (error: AppError) => error,
  );
  return { result, attempts, waited: clock.now(), said };
}

describe('a VM that is booting', () => {
  test('is asked again until it answers', async () => {
    expect(await connect(['unreachable', 'timed-out', 'connection-lost', 'ssh-denied', 'up'])).toEqual({
      result: 'connected',
      attempts: 5,
      // After a refusal it is left alone for longer.
      waited: 8_000,
      said: ['vm is running; waiting for its SSH server'],
    });
  });

  test('is given its time, and no more', async () => {
    const { result, waited } = await connect(['unreachable']);
    expect(result).toMatchObject({
      code: 'unreachable',
      message: '"vm" is running, but after 60 s azlin still cannot connect: it is unreachable',
      hint: expect.stringContaining('ssh.start_deadline'),
    });
    expect(waited).toBe(60_000);
  });

  test('which refuses a key may open in half a minute; a key that is wrong stays wrong', async () => {
    const { result, waited } = await connect(['unreachable', 'ssh-denied']);
    expect(result).toMatchObject({ code: 'ssh-denied' });
    expect(waited).toBe(31_000);
  });

  test('a key that a VM refuses which has run for long is refused for good', async () => {
    expect(await connect(['ssh-denied'], { hasJustStarted: false })).toMatchObject({
      result: { code: 'ssh-denied' },
      attempts: 1,
      waited: 0,
    });
  });

  test('an address that is missing is no matter of time', async () => {
    expect(await connect(['up'], { address: null })).toMatchObject({ result: { code: 'unreachable' }, attempts: 0 });
  });

  test.each<ErrorCode>(['host-key-changed', 'config', 'bug'])('%s is no matter of time', async (code) => {
    expect(await connect([code])).toMatchObject({ result: { code }, attempts: 1, waited: 0 });
  });

  test('an interrupt ends the wait', async () => {
    const controller = new AbortController();
    const onRetry = () => controller.abort(new AppError('interrupted', 'Interrupted'));
    expect(await connect(['unreachable'], { signal: controller.signal, onRetry })).toMatchObject({
      result: { code: 'interrupted' },
      attempts: 1,
    });
  });
});
