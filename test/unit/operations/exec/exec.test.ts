import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { AppError } from '../../../../src/domain/errors.ts';
import { outcomeOfError } from '../../../../src/domain/outcome.ts';
import { execCommand } from '../../../../src/operations/exec/exec.ts';
import type { ExecRequest } from '../../../../src/operations/exec/exec-request.ts';
import type { Connection } from '../../../../src/transport/transport.ts';
import { aCaller } from '../../../support/caller.ts';
import { manualClock } from '../../../support/clock.ts';
import {
  anAccess,
  answers,
  breaks,
  fakeSurvey,
  fakeVm,
  type Scripts,
  says,
  settled,
} from '../../../support/fake-fleet.ts';

const BROKEN = new AppError('connection-lost', 'the link broke');

interface World extends Partial<ExecRequest> {
  readonly scripts?: Scripts;
  readonly spawn?: Connection['spawn'];
}

/** A command on a VM that has a session dev, where its process is 77. */
function exec({ scripts = {}, spawn, ...request }: World = {}) {
  const clock = manualClock();
  const vm = fakeVm({ exec: says('ok 0 cwd 77'), signal: answers('ok'), ...scripts });
  const connection = { ...vm.connection, ...(spawn ? { spawn } : {}) };
  const { survey, forgotten } = fakeSurvey();
  const access = anAccess({ clock, survey, transport: { ...vm.transport, connect: async () => connection } });
  const warnings: string[] = [];
  const traces: string[] = [];
  const stopping = new AbortController();
  const caller = aCaller({
    signal: stopping.signal,
    warn: (line) => warnings.push(line),
    trace: (line) => traces.push(line),
  });
  const asked = {
    target: 'vm:dev',
    command: ['make'],
    stdin: undefined,
    create: false,
    timeout: undefined,
    ...request,
  };
  return {
    running: execCommand(access, asked, caller),
    ...{ clock, vm, warnings, traces, forgotten },
    interrupt: () => stopping.abort(new AppError('interrupted', 'Interrupted')),
    signals: () => vm.of('signal').map(({ values }) => `${values['signal']} ${values['pid']}`),
    process: () => vm.of('exec')[0],
  };
}

const errorOf = (running: Promise<unknown>): Promise<AppError> =>
  running.then(
    () => new AppError('bug', 'it was started'),
    (error: AppError) => error,
  );

describe('a command whose start fails', () => {
  test('was not started when its script had not left yet', async () => {
    const error = await errorOf(exec({ spawn: () => Promise.reject(BROKEN) }).running);
    expect(error.message).toBe('the link broke');
    expect(outcomeOfError(error).kind).toBe('not-started');
  });

  test('may have run when its script had left: nobody knows', async () => {
    const { outcome, stdout } = await exec({ scripts: { exec: breaks(BROKEN) } }).running;
    expect(await outcome).toMatchObject({
      kind: 'lost',
      cause: {
        code: 'connection-lost',
        mayHaveRun: true,
        message: 'the link broke; the command may have run',
        hint: 'use --durable, which tries again and never starts it twice',
      },
    });
    expect(await text(stdout)).toBe('');
  });

  test('may have run on a VM that says nothing for too long, and its channel is closed', async () => {
    const { running, clock, process } = exec({ scripts: { exec: () => {} } });
    await settled();
    clock.advance(30_000);
    expect(await (await running).outcome).toMatchObject({
      kind: 'lost',
      cause: { code: 'timed-out', message: expect.stringMatching(/^"vm:dev" did not answer in .*may have run$/) },
    });
    expect(process()?.isClosed()).toBe(true);
  });

  test('is lost without advice when it was interrupted', async () => {
    const { running, interrupt } = exec({ scripts: { exec: () => {} } });
    await settled();
    interrupt();
    const outcome = await (await running).outcome;
    expect(outcome).toMatchObject({ kind: 'lost', cause: { code: 'interrupted', hint: undefined } });
  });

  test.each([
    ['the session is missing', answers('missing'), 'session-not-found'],
    ['the login shell ended without a word', breaks(new AppError('ssh-denied', 'no shell')), 'ssh-denied'],
  ] as const)('was not started when %s', async (_what, script, code) => {
    const error = await errorOf(exec({ scripts: { exec: script } }).running);
    expect(error).toMatchObject({ code, mayHaveRun: false });
  });
});

describe('a command that runs', () => {
  test('in a session that is new is told to the survey; where the directory is gone that is a warning', async () => {
    const { running, forgotten, warnings } = exec({ create: true, scripts: { exec: says('ok 1 no-cwd 77') } });
    await running;
    expect(forgotten).toEqual(['vm']);
    expect(warnings).toEqual(['vm:dev: its directory no longer exists; the command runs in the home directory']);
  });

  test('is signaled by its process, and a signal that cannot be sent is no error', async () => {
    const reached = exec();
    await (await reached.running).kill('INT');
    expect(reached.signals()).toEqual(['INT 77']);
    const { running, traces } = exec({ scripts: { signal: breaks(BROKEN) } });
    await expect((await running).kill('KILL')).resolves.toBeUndefined();
    expect(traces).toContain('vm:dev: cannot signal the command: the link broke');
  });

  test('whose link breaks is lost, with the way to make it survive that', async () => {
    const { running, process } = exec();
    const { outcome } = await running;
    process()?.end({ kind: 'lost', cause: BROKEN });
    expect(await outcome).toMatchObject({
      kind: 'lost',
      cause: { message: 'the link broke', hint: expect.stringContaining('use --durable to keep it running') },
    });
  });

  test('reads all of its input', async () => {
    const stdin = new PassThrough();
    const { running, process, signals } = exec({ stdin });
    await running;
    stdin.end('all of it');
    expect(await text(process()?.stdin as Readable)).toBe('all of it');
    await settled();
    expect(signals()).toEqual([]);
  });

  test('is ended when its input breaks off: half of it must not look like all of it', async () => {
    const stdin = new PassThrough();
    const { running, process, signals } = exec({ stdin });
    await running;
    stdin.write('half');
    await settled();
    stdin.destroy();
    await settled();
    expect(signals()).toEqual(['TERM 77']);
    expect(process()?.stdin.writableEnded).toBe(false);
  });
});

describe('a timeout of 10 s', () => {
  const timeout = 10_000;
  const end = { kind: 'signaled', signal: 'TERM' } as const;

  test('is not asked about where the command ended long before', async () => {
    const { running, process, clock, vm } = exec({ timeout });
    const { outcome } = await running;
    clock.advance(5_000);
    process()?.end(end);
    expect(await outcome).toEqual(end);
    expect(vm.processes).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });

  test.each([
    ['ended the command where the VM says so', answers('ok yes'), { kind: 'timed-out', after: 10_000 }, []],
    ['is not why a command ended at that time where the VM says no', answers('ok no'), end, []],
    [
      'is a warning where the VM cannot be asked',
      breaks(BROKEN),
      end,
      ['vm:dev: cannot tell whether the timeout ended the command: the link broke'],
    ],
  ] as const)('%s', async (_what, script, expected, said) => {
    const { running, process, clock, vm, warnings } = exec({ timeout, scripts: { 'timed-out': script } });
    const { outcome } = await running;
    clock.advance(10_000);
    process()?.end(end);
    expect(await outcome).toEqual(expected);
    expect(vm.of('timed-out').map(({ values }) => values['ticket'])).toEqual([process()?.values['ticket']]);
    expect(warnings).toEqual(said);
  });

  test('ends what the command has left behind with its output', async () => {
    const { running, process, clock, signals } = exec({ timeout, scripts: { 'timed-out': answers('ok no') } });
    const { outcome } = await running;
    clock.advance(11_500);
    expect(await settled().then(signals)).toEqual(['TERM 77']);
    process()?.end();
    expect(await outcome).toEqual({ kind: 'timed-out', after: 10_000 });
    expect(clock.pending()).toBe(0);
  });

  test('does not wait for what holds the output for ever', async () => {
    const { running, process, clock, signals } = exec({ timeout });
    const { outcome, stdout } = await running;
    for (const ms of [11_500, 5_000, 1_000]) {
      clock.advance(ms);
      await settled();
    }
    expect(signals()).toEqual(['TERM 77', 'KILL 77']);
    expect(await outcome).toEqual({ kind: 'timed-out', after: 10_000 });
    expect([stdout.destroyed, process()?.isClosed()]).toEqual([true, true]);
  });

  test('has less time where everything must be over before', async () => {
    const { running, process } = exec({ timeout, until: manualClock().now() + 2_500 });
    await running;
    expect([process()?.values['seconds'], process()?.values['part']]).toEqual(['2', '0.5']);
  });
});
