import { expect, test } from '@jest/globals';
import { endedJobs, firstEnds } from '../../../src/jobs/ended-jobs.ts';

const report = (job: string, how: string) => ({
  ...{ now: 0, sessions: [], panes: new Map() },
  ended: [{ job, how, session: 'dev' }],
});

test.each([
  ['exited 3 1 2', { exitCode: 3 }],
  ['signaled KILL 1 2', { end: 'KILL' }],
  ['timed-out 1 2', { end: 'timed out' }],
  ['cancelled 1 2', { end: 'cancelled' }],
])('%s is an end', (how, end) => {
  expect(endedJobs(report('j', how))).toEqual([{ kind: 'job-ended', session: 'dev', id: '', job: 'j', ...end }]);
});

test.each([
  ...['exited  1 2', 'exited abc 1 2', 'exited 0x10 1 2', 'exited 99999999999999999999 1 2', 'void', 'left', ''],
  `signaled ${'x'.repeat(300)} 1 2`,
])('what a VM says that is no end is left out: %.40s', (how) => {
  expect(endedJobs(report('j', how))).toEqual([]);
});

test('an id that none of our jobs can have is left out', () => {
  expect(endedJobs(report('\u001b[2J', 'exited 0 1 2'))).toEqual([]);
});

test('an end is told once, unless another job has had the id since', () => {
  let now = 0;
  const isFirst = firstEnds(() => now);
  const [event] = endedJobs(report('j', 'exited 0 1 2'));
  if (!event) throw new Error('no event');
  expect([isFirst('a', event), isFirst('a', event), isFirst('b', event)]).toEqual([true, false, true]);
  now = 3_600_001;
  expect(isFirst('a', event)).toBe(true);
});
