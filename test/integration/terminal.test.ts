import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { processesBelow } from '../support/processes.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

/** A name that no other run on this machine has: processes are found by it. */
const VM = `t${process.pid}`;
let fleet: DemoFleet;
let terminal: RealTerminal;
beforeAll(async () => {
  fleet = await startFleet([
    { name: VM, sessions: ['dev', 'second'] },
    { name: 'other', sessions: ['ops'] },
  ]);
}, 60_000);
afterAll(() => fleet.close());
beforeEach(async () => {
  terminal = await openTerminal(fleet.environment);
});
afterEach(() => terminal.close());

const machine = (...argv: string[]) => machineRun(fleet, VM, argv);
/** Tells the modes right after the command before it, ahead of any prompt: readline would mend what azlin left. */
const THEN_MODES = `; echo "code $?"; stty -a | tr ";" "\\n" | grep -ow -- "-\\?icanon\\|-\\?echo\\|-\\?isig" | tr "\\n" " "; echo modes`;

async function isAsItWas(): Promise<void> {
  await terminal.shows(/^isig icanon echo modes$/m);
  expect(await terminal.leftOn()).toBe('0 1 0 0');
}

describe('connect in a real terminal', () => {
  test('attach, type, resize, detach; the terminal is as it was', async () => {
    await terminal.type(`azlin connect ${VM}:dev${THEN_MODES}\n`);
    await terminal.shows(/\[dev\]/);
    await terminal.type("clear; echo 'typed' here; tput cols\n");
    await terminal.shows(/^typed here\n80$/m);
    await terminal.resize(100, 30);
    await until('tmux to have the new size', async () => {
      const { stdout } = await machine('tmux', 'list-clients', '-t', '=dev', '-F', '#{client_width}x#{client_height}');
      return stdout === '100x30\n';
    });
    await terminal.press('C-b', 'd');
    await terminal.shows(/:dev: detached; the session is still running\ncode 0/);
    await isAsItWas();
    expect((await machine('tmux', 'has-session', '-t', '=dev')).code).toBe(0);
  });

  test('every key arrives: control, function, arrow, alt and multi-byte ones', async () => {
    await terminal.type(`azlin connect ${VM}:dev\n`);
    await terminal.shows(/\[dev\]/);
    await terminal.type("clear; echo 'now' typing; cat -v\n");
    await terminal.shows(/^now typing$/m);
    await terminal.press('C-v', 'C-c', 'C-v', 'Up', 'F5', 'M-x', 'C-v', 'Escape');
    await terminal.type('é東~');
    await terminal.press('Enter');
    await terminal.shows(/\^C\^\[(\[|O)A\^\[\[15~\^\[x/);
    await terminal.press('C-c');
    // Keys that come too fast after each other are text pasted to tmux, not its prefix.
    await terminal.shows(/\^C\n\S+:~[#$]\s*$/m);
    await terminal.press('C-b', 'd');
    await terminal.shows(/detached/);
  });

  test('a session that ends gives the terminal back', async () => {
    await terminal.type(`azlin ssh ${VM} --tmux-session short${THEN_MODES}\n`);
    await terminal.shows(/\[short\]/);
    await terminal.type('exit\n');
    await terminal.shows(/:short: the session has ended\ncode 0/);
    await isAsItWas();
  });

  test.each(['TERM', 'HUP'])('SIG%s puts the terminal back', async (signal) => {
    await terminal.type(`azlin connect ${VM}:dev${THEN_MODES}\n`);
    await terminal.shows(/\[dev\]/);
    execFileSync('pkill', [`-${signal}`, '-f', `azlin.js connect ${VM}:dev$`]);
    await terminal.shows(/code (143|129)/);
    await isAsItWas();
    await until(
      'the client to be gone',
      async () => (await machine('tmux', 'list-clients', '-t', '=dev')).stdout === '',
    );
  });

  test('a link that is cut gives the terminal back, with the reason', async () => {
    await terminal.type(`azlin connect --reconnect 0 ${VM}:second${THEN_MODES}\n`);
    await terminal.shows(/\[second\]/);
    // The sshds of this fleet's VM, but for the one that listens.
    const { stdout } = await machine('ps', '-A', '-o', 'pid=,ppid=');
    const rows = stdout.split('\n').map((row) => row.trim().split(/\s+/).map(Number));
    const listener = fleet.machines.get(VM)?.pid;
    for (const [pid = 0] of rows.filter(([, parent]) => parent === listener)) process.kill(pid, 'SIGKILL');
    await terminal.shows(/error: The connection to "t\d+" .* was lost[\s\S]*code 7/);
    await isAsItWas();
  });

  test('a crash of azlin puts the terminal back', async () => {
    // A bug anywhere must not cost the terminal: an exception is thrown from outside, as a debugger could.
    await terminal.type(
      `NODE_OPTIONS="--import=data:text/javascript,process.on(%22SIGUSR2%22,()=>{throw%20new%20Error(%22boom%22)})" azlin connect ${VM}:dev` +
        THEN_MODES +
        '\n',
    );
    await terminal.shows(/\[dev\]/);
    execFileSync('pkill', ['-USR2', '-f', `azlin.js connect ${VM}:dev$`]);
    await terminal.shows(/boom/);
    await isAsItWas();
  });

  test('SIGTERM behind a frozen link puts the terminal back all the same', async () => {
    await terminal.type(`azlin connect ${VM}:dev${THEN_MODES}\n`);
    await terminal.shows(/\[dev\]/);
    const ofServer = processesBelow(fleet.machines.get(VM)?.pid ?? 0);
    for (const pid of ofServer) process.kill(pid, 'SIGSTOP');
    try {
      execFileSync('pkill', ['-TERM', '-f', `azlin.js connect ${VM}:dev$`]);
      await terminal.shows(/code 143/);
      await isAsItWas();
    } finally {
      for (const pid of ofServer) process.kill(pid, 'SIGKILL');
    }
  });

  test('in the background it leaves the modes of the terminal to the foreground', async () => {
    await terminal.type(`azlin exec ${VM}:dev 'sleep 0.5; echo back' &\n`);
    await terminal.type(`clear; while kill -0 $!; do sleep 0.1; done 2>/dev/null${THEN_MODES}\n`);
    await terminal.shows(/^isig icanon echo modes$/m);
  });

  test('a TERM that the VM does not know', async () => {
    await terminal.type(`TERM=no-such-terminal azlin connect ${VM}:dev\n`);
    await terminal.shows(/\[dev\]/);
    await terminal.press('C-b', 'd');
    await terminal.shows(/detached/);
  });

  test('without an identifier one chooses from a list', async () => {
    await terminal.type(`azlin connect${THEN_MODES}\n`);
    await terminal.shows(/Session[\s\S]*t\d+:dev/);
    await terminal.type('ops');
    await terminal.shows(/other:ops/);
    await terminal.press('Enter');
    await terminal.shows(/\[ops\]/);
    await terminal.press('C-b', 'd');
    await terminal.shows(/detached/);
    await isAsItWas();
  });

  test('the list narrows, tells what is attached, and Ctrl-N names a new session', async () => {
    await terminal.resize(70, 9);
    await terminal.type('clear; azlin connect\n');
    await terminal.shows(/other:ops +active \d+ s ago +westeurope\n[\s\S]*Ctrl-N new session/);
    await terminal.type(VM);
    await terminal.shows(new RegExp(`❯ ${VM}:dev`));
    await terminal.press('Down', 'Up', 'C-n');
    await terminal.shows(new RegExp(`New session on ${VM}:`));
    await terminal.type('no.good\n');
    await terminal.shows(/it contains ":" or "."/);
    await terminal.press('C-u');
    await terminal.type('dev\n');
    await terminal.shows(/a session of that name already exists/);
    await terminal.press('C-u');
    await terminal.type('fresh\n');
    await terminal.shows(/\[fresh\]/);
    await terminal.type('exit\n');
    await terminal.shows(/:fresh: the session has ended/);
  });

  test('a passphrase is asked for before there is anything to choose', async () => {
    const key = `${fleet.directory}/with-passphrase`;
    execFileSync('cp', [fleet.identity, key]);
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-f', key]);
    await terminal.type(`clear; SSH_AUTH_SOCK= AZLIN_IDENTITY=${key} azlin connect\n`);
    expect(await terminal.shows(/Passphrase for/)).not.toContain('Session');
    await terminal.type('secret\n');
    const screen = await terminal.shows(/❯ other:ops/);
    expect(screen).not.toContain('secret');
    await terminal.press('C-c');
    await terminal.shows(/error: Interrupted/);
  });

  test('list: attached sessions are bold, others dim, and NO_COLOR is obeyed', async () => {
    await terminal.type('azlin list | cat -v; azlin list --color always | cat -v\n');
    const screen = await terminal.shows(/\^\[\[2mt\d+ +dev.*\^\[\[22m/);
    expect(screen).toMatch(/^t\d+ +dev +Running/m);
    await terminal.type(
      'clear; NO_COLOR=1 script -qec "azlin list" /dev/null | tr -d "\\r" | cat -v; echo all" listed"\n',
    );
    expect(await terminal.shows(/second[\s\S]*all listed/)).not.toContain('^[[2m');
  });

  test('Ctrl-C while it connects ends it with 130', async () => {
    await terminal.type(
      'node -e \'require("net").createServer(() => {}).listen(0, "127.0.0.1", function () { console.log("port", this.address().port) })\' & sleep 1\n',
    );
    const port = /port (\d+)/.exec(await terminal.shows(/port \d+/))?.[1];
    await terminal.type(`clear; azlin connect --verbose --port ${port} 127.0.0.1:dev; echo "code $?"\n`);
    await terminal.shows(/resolve: .*127\.0\.0\.1:dev/);
    await terminal.press('C-c');
    await terminal.shows(/error: Interrupted\ncode 130/);
    await terminal.type('kill %1\n');
  });
});
