import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { addToWorkdir, newWorkdir, workdirAt } from '../../../src/mcp/workdir.ts';

test('two that work in one folder at the same moment take different numbers', async () => {
  const root = mkdtempSync('/tmp/azlin-lab-');
  try {
    const folders = await Promise.all([1, 2, 3].map(() => newWorkdir({ root, server: 'vm', name: 'agent', now: 0 })));
    expect(folders.sort()).toEqual(['', '-2', '-3'].map((end) => `1970-01-01T000000-agent${end}`));
    const workdir = workdirAt({ root, server: 'vm', folder: folders[0] ?? '' });
    const jobs = ['one', 'two', 'three'];
    await Promise.all(jobs.map((job) => addToWorkdir(workdir, { command: `echo ${job}`, job, from: 0 })));
    expect(readdirSync(join(workdir.path, 'output')).sort()).toEqual(['001.txt', '002.txt', '003.txt']);
    const [, ...lines] = readFileSync(join(workdir.path, 'entries.jsonl'), 'utf8').trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { number: string; job: string });
    expect(entries.map(({ number }) => number).sort()).toEqual(['001', '002', '003']);
    expect(entries.map(({ job }) => job).sort()).toEqual([...jobs].sort());
  } finally {
    rmSync(root, { recursive: true });
  }
});
