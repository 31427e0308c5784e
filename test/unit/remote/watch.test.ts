import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { remoteScript } from '../../../src/remote/remote-script.ts';
import { hasTool } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const PLACE = new URL('../../../src/remote/parts/jobs/place.sh', import.meta.url).pathname;

test.each(['dash', 'bash', 'busybox sh'].filter((shell) => hasTool(shell.split(' ')[0] ?? '')))(
  'under %s it tells each job that ends once, whatever becomes of their folder',
  async (shell) => {
    const [program = '', ...args] = shell.split(' ');
    const directory = mkdtempSync('/tmp/azlin-far-');
    const HOME = join(directory, 'a "home" $(id)');
    mkdirSync(HOME);
    const environment = { PATH: process.env['PATH'] ?? '', HOME, TMUX_TMPDIR: directory };
    const tmux = (...words: string[]) => execFileSync('tmux', words, { env: environment, stdio: 'pipe' });
    const jobs = execFileSync('sh', ['-c', '. "$1"; printf %s "$azlin_jobs"', 'sh', PLACE], {
      env: environment,
    }).toString();
    const add = (id: string, more = '') => {
      mkdirSync(join(jobs, id), { recursive: true });
      writeFileSync(join(jobs, id, 'info'), 'dev\nseparate\n');
      writeFileSync(join(jobs, id, 'state'), `new\nat 1000\nstarted 1 2 3\n${more}`);
    };
    const end = (id: string, at: number) => appendFileSync(join(jobs, id, 'state'), `end ${at}\nexited 3 0 0\n`);
    const watching = (seenAt: string) => {
      const path = join(directory, 'watch');
      writeFileSync(path, remoteScript('tmux/watch', { seen_at: seenAt }).text);
      const child = spawn(program, [...args, path], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      return {
        child,
        says: (text: string) => until(`it to say ${text}`, () => said.includes(text), 20_000),
        ended: () => [...said.matchAll(/^ended:(.*)$/gm)].map(([, row]) => row),
      };
    };
    const children: ReturnType<typeof watching>['child'][] = [];
    try {
      tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'dev');
      for (const id of ['before', '*', 'x y', 'first', 'second']) add(id);
      end('before', 1_001);
      const one = watching('');
      children.push(one.child);
      await one.says('\0');
      end('first', 1_002);
      await one.says('ended:first');
      // A listing that fails forgets nothing. Each new session makes it look and say so.
      renameSync(jobs, `${jobs}.away`);
      mkdirSync(jobs);
      tmux('new-session', '-d', '-s', 'meanwhile');
      await one.says('meanwhile');
      rmdirSync(jobs);
      renameSync(`${jobs}.away`, jobs);
      end('second', 1_003);
      add('third');
      end('third', 1_003);
      await one.says('ended:third');
      tmux('new-session', '-d', '-s', 'later');
      await one.says('later');
      expect(one.ended()).toEqual(['first', 'second', 'third'].map((id) => `${id}:exited 3 0 0:dev`));
      // What has ended while nobody watched.
      const two = watching('1003');
      children.push(two.child);
      await two.says('\0');
      expect(two.ended()).toEqual(['second', 'third'].map((id) => `${id}:exited 3 0 0:dev`));
    } finally {
      for (const child of children) {
        const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
        child.kill();
        await closed;
      }
      tmux('kill-server');
      rmSync(directory, { recursive: true, force: true });
    }
  },
  60_000,
);
