import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { shellFile } from '../../../src/remote/shell-files.ts';
import { hasTool } from '../../support/tools.ts';

// A shell that is told of a child while it waits for something else may give that up.
test.each(['dash', 'bash', 'busybox sh'].filter((shell) => hasTool(shell.split(' ')[0] ?? '')))(
  'a job under %s begins and ends, each time',
  async (shell) => {
    const [program = '', ...args] = shell.split(' ');
    const job = mkdtempSync('/tmp/azlin-supervised-');
    const file = (name: string) => join(job, name);
    try {
      writeFileSync(file('run'), shellFile('jobs/supervisor'));
      for (let time = 0; time < 40; time++) {
        rmSync(file('begun'), { recursive: true, force: true });
        execFileSync('mkfifo', [file('w'), file('o'), file('e')]);
        for (const name of ['out', 'err']) writeFileSync(file(name), '');
        writeFileSync(file('state'), 'new\n');
        writeFileSync(
          file('env'),
          "azlin_umask=022 azlin_cwd=/ azlin_program=sh azlin_kind=command azlin_given_shell= azlin_text='echo out; echo err >&2; exit 3'",
        );
        const supervisor = spawn(program, [...args, file('run'), 'supervise', '', '', '5', '', 'separate'], {
          stdio: 'ignore',
        });
        const ended = once(supervisor, 'close');
        while (supervisor.exitCode === null && supervisor.signalCode === null) {
          supervisor.kill('SIGCHLD');
          await setImmediate();
        }
        await ended;
        expect(readFileSync(file('state'), 'utf8')).toMatch(/\nend \d+\nexited 3 4 4\n$/);
        expect(readFileSync(file('out'), 'utf8') + readFileSync(file('err'), 'utf8')).toBe('out\nerr\n');
      }
    } finally {
      rmSync(job, { recursive: true, force: true });
    }
  },
);
