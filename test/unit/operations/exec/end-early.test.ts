import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { AppError } from '../../../../src/domain/errors.ts';
import type { Outcome } from '../../../../src/domain/outcome.ts';
import { endEarly } from '../../../../src/operations/exec/end-early.ts';
import type { CommandSignal, RunningCommand, RunningJob } from '../../../../src/operations/exec/exec.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import { settled } from '../../../support/fake-fleet.ts';

/** A command that goes on whatever it is told; a job where `job` says something of it. */
function run(job?: Partial<RunningJob>) {
  const clock = manualClock();
  const stopping = new AbortController();
  const notes: string[] = [];
  const signals: CommandSignal[] = [];
  const aJob: RunningJob = {
    ...{ id: 'j1', isFound: false, endsWithUs: false, isWatched: false },
    cancel: async () => true,
    leave: () => {},
    ...job,
  };
  const command: RunningCommand = {
    ...{ target: 'vm:dev', stdout: Readable.from([]), stderr: Readable.from([]) },
    outcome: new Promise(() => {}),
    kill: async (signal) => void signals.push(signal),
    ...(job ? { job: aJob } : {}),
  };
  const caller = aCaller({ signal: stopping.signal });
  const early = endEarly({ clock, caller, note: (line) => notes.push(line) }, command);
  let end: Outcome | undefined;
  void early.outcome.then((outcome) => {
    end = outcome;
  });
  return {
    ...{ early, notes, signals, clock },
    abort: (reason = new AppError('interrupted', 'Interrupted')) => stopping.abort(reason),
    /** How it has ended after so many milliseconds more. */
    async endAfter(ms: number) {
      await settled();
      clock.advance(ms);
      await settled();
      return end;
    },
  };
}

const interrupted = (message: string, hint?: string) => ({
  kind: 'lost',
  cause: expect.objectContaining({ code: 'interrupted', message, hint }),
});
const LEFT = interrupted(
  'Left job j1 on vm:dev; it is still running',
  'azlin logs --follow j1 shows its output; azlin wait j1, azlin cancel j1',
);

describe('Ctrl-C', () => {
  test('is for the command at first; after a while it is said that it goes on', async () => {
    const { early, signals, notes, endAfter } = run();
    early.press();
    expect(await endAfter(1_499)).toBeUndefined();
    expect(notes).toEqual([]);
    expect(await endAfter(1)).toBeUndefined();
    expect(notes).toEqual(['The command in "vm:dev" is still running after Ctrl-C; press it again and azlin ends it']);
    expect([signals, early.wanted()]).toEqual([['INT'], undefined]);
  });

  test('pressed again kills the command, which has a second to end', async () => {
    const { early, signals, notes, endAfter } = run();
    early.press();
    early.press();
    const end = interrupted('Interrupted; the command in "vm:dev" was sent SIGKILL');
    expect(early.wanted()).toEqual(end);
    expect(await endAfter(999)).toBeUndefined();
    expect(await endAfter(1)).toEqual(end);
    expect(await endAfter(1_000)).toEqual(end);
    expect([signals, notes]).toEqual([['INT', 'KILL'], []]);
  });

  test('pressed again leaves a job that is kept, and says where it is', async () => {
    const { early, signals, notes, endAfter } = run({});
    early.press();
    await endAfter(1_500);
    expect(notes).toEqual([expect.stringContaining('press it again and azlin leaves it running')]);
    early.press();
    expect(await endAfter(0)).toEqual(LEFT);
    expect(signals).toEqual(['INT']);
  });

  test('is not for a job that is only looked at', async () => {
    const { early, signals, endAfter } = run({ isWatched: true });
    early.press();
    expect(await endAfter(0)).toEqual(LEFT);
    expect(signals).toEqual([]);
  });
});

describe('an interrupt of azlin', () => {
  test('terminates the command', async () => {
    const { signals, abort, endAfter } = run();
    abort();
    expect(await endAfter(999)).toBeUndefined();
    expect(await endAfter(1)).toEqual(interrupted('Interrupted; the command in "vm:dev" was sent SIGTERM'));
    expect(signals).toEqual(['TERM']);
  });

  test('waits until a job that ends with azlin has been told so, and then for its end', async () => {
    let hear = (_isTold: boolean) => {};
    const cancel = () => new Promise<boolean>((resolve) => (hear = resolve));
    const { abort, endAfter } = run({ endsWithUs: true, cancel });
    abort();
    expect(await endAfter(6_000)).toBeUndefined();
    hear(true);
    expect(await endAfter(999)).toBeUndefined();
    expect(await endAfter(1)).toEqual({ kind: 'cancelled' });
  });

  test.each([
    ['cannot be told', async () => false, 0],
    ['does not hear it in 7 s', () => new Promise<boolean>(() => {}), 7_000],
  ])('says so where the job %s', async (_what, cancel, ms) => {
    const { abort, endAfter } = run({ endsWithUs: true, cancel });
    abort();
    if (ms > 0) expect(await endAfter(ms - 1)).toBeUndefined();
    expect(await endAfter(1)).toEqual(
      interrupted('Interrupted; job j1 on vm:dev could not be told to end', 'azlin cancel j1 tries again'),
    );
  });

  test('that is a mistake of azlin ends no job and signals no command', async () => {
    const { signals, abort, endAfter } = run({
      endsWithUs: true,
      cancel: () => Promise.reject(new Error('cancelled')),
    });
    const cause = new AppError('bug', 'a mistake');
    abort(cause);
    expect(await endAfter(0)).toEqual({ kind: 'lost', cause });
    expect(signals).toEqual([]);
  });

  test('comes too late once the command has ended: nothing is said and nothing is sent', async () => {
    const { early, signals, notes, clock, abort, endAfter } = run();
    early.press();
    early.release();
    abort();
    expect(await endAfter(10_000)).toBeUndefined();
    expect([signals, notes, clock.pending()]).toEqual([['INT'], [], 0]);
  });
});

describe('output that cannot be written', () => {
  const failure = (code: string) => Object.assign(new Error(`${code}: it failed`), { code });
  const PIPE = { kind: 'signaled', signal: 'PIPE' };
  const cannot = (hint?: string) => ({
    kind: 'lost',
    cause: expect.objectContaining({ code: 'usage', message: 'Cannot write the output: ENOSPC: it failed', hint }),
  });

  test.each([
    ['because nobody reads any more ends the command as a pipe does', 'EPIPE', PIPE],
    ['because the disk is full is an error, and ends the command', 'ENOSPC', cannot()],
  ])('%s', async (_what, code, end) => {
    const { early, signals, endAfter } = run();
    early.cannotWrite(failure(code));
    expect(early.wanted()).toEqual(end);
    expect(signals).toEqual(['HUP']);
    expect(await endAfter(999)).toBeUndefined();
    expect(await endAfter(1)).toEqual(end);
  });

  test('ends a job that nobody reads as soon as it has been told', async () => {
    const { early, signals, endAfter } = run({});
    early.cannotWrite(failure('EPIPE'));
    expect(await endAfter(0)).toEqual(PIPE);
    expect(signals).toEqual(['HUP']);
  });

  test.each([
    [
      'whose output is safe on its VM',
      {},
      'ENOSPC',
      cannot('job j1 is still running; azlin logs j1 has all of its output'),
    ],
    ['that somebody else started', { isFound: true }, 'EPIPE', PIPE],
  ])('does nothing to a job %s', async (_what, job, code, end) => {
    const { early, signals, endAfter } = run(job);
    early.cannotWrite(failure(code));
    expect(await endAfter(0)).toEqual(end);
    expect(signals).toEqual([]);
  });
});
