import { expect, test } from '@jest/globals';
import { parseJobs } from '../../../src/jobs/job.ts';
import { jobIdProblem } from '../../../src/jobs/job-scripts.ts';

test('jobs, the newest first; a command that looks like a job is none', () => {
  const text =
    ':old:100:105:exited 3 10 0::dev\nmake\n:new:200::running:live:späß\nx:1:2:exited 0 0 0:dev\nweb-2:theirs:50::elsewhere::a:b\nmake\n:bad:::nonsense::\n\n';
  expect(parseJobs(text)).toEqual([
    expect.objectContaining({
      id: 'new',
      state: 'running',
      kind: 'run',
      session: 'späß',
      command: 'x:1:2:exited 0 0 0:dev',
    }),
    {
      id: 'old',
      ownedBy: null,
      session: 'dev',
      command: 'make',
      kind: 'exec',
      state: 'exited',
      exitCode: 3,
      signal: null,
      startedAt: 100,
      endedAt: 105,
      stdoutBytes: 10,
      stderrBytes: 0,
    },
    expect.objectContaining({ id: 'theirs', ownedBy: 'web-2', state: 'elsewhere', session: 'a:b' }),
    expect.objectContaining({ id: 'bad', state: 'lost', startedAt: null }),
  ]);
});

test.each(['deploy-42', 'a', '_x', 'A'.repeat(64)])('%s names a job', (id) => {
  expect(jobIdProblem(id)).toBeUndefined();
});

test.each(['', '-x', 'a/b', '..', 'a b', 'é', 'a:b', '$(x)', 'A'.repeat(65)])('%s does not', (id) => {
  expect(jobIdProblem(id)).toMatch(/letters, digits/);
});
