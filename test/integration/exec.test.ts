import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createApp } from '../../src/app/create-app.ts';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { execCommand } from '../../src/operations/exec/exec.ts';
import { aCaller } from '../support/caller.ts';
import { execContract } from '../support/exec-contract.ts';
import { azlin, bash, startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

execContract('never');

describe('a command that ends with the connection', () => {
  let fleet: DemoFleet;
  /** Seconds nobody else on this machine sleeps for: whether it still runs can be seen. */
  const LONG = `${200_000 + process.pid}`;
  beforeAll(async () => {
    fleet = await startFleet([{ name: 'vm', sessions: ['dev'] }]);
  }, 60_000);
  afterAll(() => fleet.close());

  const exec = (...args: string[]) => azlin(fleet, ['exec', ...args]);
  const machine = (...argv: string[]) => machineRun(fleet, 'vm', argv);

  test('more of it than the command reads is no trouble', async () => {
    const { stdout, stderr } = await bash(fleet, 'yes | azlin exec --stdin vm:dev "head -n 1"');
    expect({ stdout, stderr }).toEqual({ stdout: 'y\n', stderr: '' });
  });

  test('a second one ends azlin and the command', async () => {
    const terminal = await openTerminal(fleet.environment);
    try {
      await terminal.type(
        `azlin exec vm:dev "trap '' INT; echo ready; sleep ${LONG}; sleep ${LONG}"; echo "code $?"\n`,
      );
      await terminal.shows(/^ready$/m);
      await terminal.press('C-c');
      // Two at the same moment reach a busy process as one.
      await terminal.shows(/is still running after Ctrl-C; press it again/);
      await terminal.press('C-c');
      await terminal.shows(/code 130/);
      await until('the command to be gone', async () => (await machine('pgrep', '-f', `^sleep ${LONG}`)).code === 1);
    } finally {
      await terminal.close();
    }
  });

  describe('many at once in one process', () => {
    test('20 commands on a default sshd, which allows 10 channels a connection', async () => {
      // Fills the cache: the local Resource Manager's certificate is known only to processes that start with it.
      await exec('vm:dev', 'true');
      const app = createApp({ ...process, env: fleet.environment } as unknown as NodeJS.Process);
      try {
        const access = await app.access({
          config: await app.config({}),
          user: undefined,
          port: undefined,
          forwardAgent: undefined,
        });
        const caller = aCaller({ warn: (line) => expect(line).toBe('') });
        const outputs = await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            const line = `until [ -e ~/go ]; do sleep 0.05; done; echo ${index}`;
            const request = {
              target: 'vm:dev',
              command: [line],
              stdin: undefined,
              create: false,
              timeout: undefined,
            };
            const command = await execCommand(access, request, caller);
            command.stderr.resume();
            const text = command.stdout.setEncoding('utf8').toArray();
            started++;
            // All twenty run at the same time before the first may end.
            if (started === 20) await machine('sh', '-c', 'touch ~/go');
            return { text: (await text).join(''), outcome: await command.outcome };
          }),
        );
        expect(outputs).toEqual(
          outputs.map((_, index) => ({ text: `${index}\n`, outcome: { kind: 'exited', code: 0 } })),
        );
      } finally {
        await app.close(() => {});
      }
    });
    let started = 0;
  });
});
