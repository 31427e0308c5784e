import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { openTerminal, type RealTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { warmAzlin as azlin } from '../support/warm-azlin.ts';

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'shared', sessions: ['dev'] }]);
}, 60_000);
afterAll(() => fleet.close());

const tmux = (...args: string[]) => machineRun(fleet, 'shared', ['tmux', '-u', ...args]);
const run = (...args: string[]) => azlin(fleet, args, { environment: { AZLIN_LABEL: 'carol@desk' } });
const clients = async (session = 'dev') =>
  JSON.parse((await run('status', `shared:${session}`, '--format', 'json')).stdout).sessions[0].clients as {
    label: string | null;
    client: string;
    readOnly: boolean;
  }[];
const labels = async (session?: string) => (await clients(session)).map(({ label }) => label).sort();
const attached = (...expected: (string | null)[]) =>
  until(`${expected} to be attached`, async () => `${await labels()}` === `${expected}`);

/** A terminal of somebody, with azlin in it. */
async function terminalOf(label: string): Promise<RealTerminal> {
  return openTerminal({ ...fleet.environment, AZLIN_LABEL: label }, 90, 20);
}

describe('a session that three clients of two people have open', () => {
  let laptop: RealTerminal;
  let desk: RealTerminal;
  let bob: RealTerminal;
  beforeEach(async () => {
    await tmux('new-session', '-d', '-s', 'dev');
    [laptop, desk, bob] = await Promise.all([
      terminalOf('alice@laptop'),
      terminalOf('alice@desk'),
      terminalOf("Bob's #{box} $(id) é"),
    ]);
    await laptop.type('azlin connect shared:dev; echo "code $?"\n');
    await laptop.shows(/\[dev\]/);
    await desk.type('azlin connect shared:dev; echo "code $?"\n');
    await desk.shows(/\[dev\]/);
    await attached('alice@desk', 'alice@laptop');
  }, 30_000);
  afterEach(() => Promise.all([laptop.close(), desk.close(), bob.close()]));

  /** What status lines have said, each with the client it was for. */
  const said = async () => (await tmux('show-messages')).stdout;
  /** The screen of the one who attaches is drawn first, and what is said about it comes after. */
  const saying = (message: RegExp) => until(`${message} to be said`, async () => message.test(await said()));
  const connectBob = async (options: string, screen = /\[dev/) => {
    await bob.type(`azlin connect ${options} shared:dev; echo "code $?"\n`);
    await bob.shows(screen);
  };

  test('who attaches reads who is there, and everybody sees them', async () => {
    await bob.type('azlin connect shared:dev; echo "code $?"\n');
    // His screen is drawn, the status line names the others, and theirs name him. The first key he presses brings the usual one back, and is not lost.
    const both = /Also attached: (alice@(laptop|desk) \(idle \d+ s\)(, )?){2}/;
    const [seen, ...others] = await Promise.all([
      bob.shows(both),
      laptop.shows(/^Bob's #\{box\} \$\(id\) é attached/m),
      desk.shows(/^Bob's #\{box\} \$\(id\) é attached/m),
    ]);
    for (const screen of [seen, ...others]) expect(screen).toMatch(/^shared:~[#$]/m);
    await bob.type('echo ty""ped\n');
    await bob.shows(/^typed\n[\s\S]*\[dev\]/m);
    await attached("Bob's #{box} $(id) é", 'alice@desk', 'alice@laptop');
    const { stdout } = await run('list', '--wide');
    expect(stdout).toMatch(/^shared +dev .* 3 .* (alice@laptop|alice@desk|Bob's #\{box\} \$\(id\) é)(, .*){2}$/m);
    const status = (await run('status', 'shared:dev')).stdout;
    expect(status).toMatch(/^dev +1 +Bob's #\{box\} \$\(id\) é +\d{4}-\S+Z +\d+ s +90x20$/m);
    await bob.press('C-b', 'd');
    const screen = await bob.shows(/^code 0$/m);
    const who =
      /^shared:dev is in use: (.*)\nshared:dev: detached; the session is still running$/ms.exec(screen)?.[1] ?? '';
    expect(who.replaceAll('\n', '')).toMatch(
      /^alice@(laptop|desk) \(for \d+ s, idle \d+ s\), alice@(laptop|desk) \(for \d+ s, idle \d+ s\)$/,
    );
  });

  test('one who watches changes nothing', async () => {
    await connectBob('--read-only');
    await until('bob to watch', async () => (await clients()).some(({ readOnly }) => readOnly));
    await saying(/\S+ message: Bob's #\{box\} \$\(id\) é attached, read-only$/m);
    await bob.type('touch watched\n');
    await laptop.type('echo ty""ped\n');
    await bob.shows(/^typed$/m);
    expect((await tmux('capture-pane', '-p', '-t', '=dev:')).stdout).not.toContain('watched');
    // It has no say in the size, either.
    expect((await tmux('display-message', '-p', '-t', '=dev:', '#{window_width}')).stdout).toBe('90\n');
    await bob.press('C-b', 'd');
    await bob.shows(/shared:dev: detached[\s\S]*^code 0$/m);
  });

  test('one takes over when they say yes; the others read who it was', async () => {
    await connectBob('--take-over', /\? Detach alice@(laptop|desk), alice@(laptop|desk) from shared:dev\? \(y\/N\)/);
    await bob.press('n', 'Enter');
    await bob.shows(/^error: Nobody was detached from shared:dev, and you were not attached\ncode 130$/m);
    await attached('alice@desk', 'alice@laptop');
    await bob.type('clear\n');
    await connectBob('--take-over', /\? Detach/);
    await bob.press('y', 'Enter');
    await bob.shows(/\[dev\]/);
    await attached("Bob's #{box} $(id) é");
    const gone = /^shared:dev: detached by Bob's #\{box\} \$\(id\) é; the session is still running\ncode 0$/m;
    await laptop.shows(gone);
    await desk.shows(gone);
  });

  test('--take-over --yes asks nobody', async () => {
    const ofBob = async () => (await said()).match(/message: (Also attached: .*,|Bob)/g)?.length;
    const before = await ofBob();
    await connectBob('--take-over --yes');
    await attached("Bob's #{box} $(id) é");
    // Nobody is left to be told.
    expect(await ofBob()).toBe(before);
  });

  test('a view of one’s own: the same windows, another current one; gone when it is left', async () => {
    await connectBob('--independent', /\[dev-Bob/);
    await saying(/\S+ message: Bob's #\{box\} \$\(id\) é attached in a view$/m);
    await saying(/\S+ message: Also attached: alice@(laptop|desk) .*, alice@(laptop|desk) /m);
    await bob.press('C-b', 'c');
    await bob.shows(/\[dev-Bob\S*0:bash- 1:bash\*/);
    await laptop.shows(/\[dev\] 0:bash\* 1:bash/);
    expect((await tmux('display-message', '-p', '-t', '=dev:', '#{window_index}')).stdout).toBe('0\n');
    expect((await tmux('display-message', '-p', '-t', '=dev-Bob-s-box-id-é:', '#{window_index}')).stdout).toBe('1\n');
    await bob.press('C-b', 'd');
    await bob.shows(/^shared:dev: detached; the session is still running\ncode 0$/m);
    expect((await tmux('list-sessions', '-F', '#{session_name}')).stdout).toBe('dev\n');
  });

  test('azlin who: a line for each of them', async () => {
    await connectBob('--read-only');
    await attached("Bob's #{box} $(id) é", 'alice@desk', 'alice@laptop');
    const { stdout } = await run('who');
    expect(stdout).toMatch(
      /^WHO +WHERE +SINCE +IDLE\nBob's #\{box\} \$\(id\) é \(read-only\) +shared:dev +\d{4}-\S+Z +\d+ s\nalice@desk +shared:dev .*\nalice@laptop +shared:dev .*\n$/,
    );
    const records = JSON.parse((await run('who', '--json')).stdout);
    expect(records[1]).toEqual({
      label: 'alice@desk',
      client: expect.stringMatching(/^\/dev\//),
      hostname: 'shared',
      session: 'dev',
      sessionName: null,
      attachedAt: expect.stringMatching(/Z$/),
      idleSeconds: expect.any(Number),
      readOnly: false,
    });
    await bob.press('C-b', 'd');
    await bob.shows(/^code 0$/m);
    await run('disconnect', 'shared:dev');
    expect(await run('who')).toMatchObject({ exitCode: 0, stdout: '', stderr: 'nobody is attached\n' });
  });

  test('disconnect --client detaches one, who reads by whom', async () => {
    const { exitCode, stdout } = await run('disconnect', 'shared:dev', '--client', 'alice@desk');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'shared:dev: 1 client detached\n' });
    await desk.shows(/^shared:dev: detached by carol@desk; the session is still running\ncode 0$/m);
    await attached('alice@laptop');
    const nobody = await run('disconnect', 'shared:dev', '--client', 'dave');
    expect(nobody).toMatchObject({
      exitCode: 3,
      stderr: 'error: No client with the label "dave" is attached to "shared:dev"\nhint: attached: alice@laptop\n',
    });
    expect((await run('disconnect', 'shared:dev', '--client', 'x', '--kill')).exitCode).toBe(2);
  });

  test('disconnect --kill: everybody reads who ended it', async () => {
    const line = ['disconnect', 'shared:dev', '--kill'];
    for (const asked of [line, ['close', 'shared:dev']])
      expect(await run(...asked)).toMatchObject({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(
          /^error: alice@(laptop, alice@desk|desk, alice@laptop) are attached to shared:dev; it was not ended\nhint: --yes ends it all the same/,
        ),
      });
    await attached('alice@desk', 'alice@laptop');
    expect((await run(...line, '--yes')).stdout).toBe('Ended shared:dev (2 clients detached)\n');
    await laptop.shows(/^shared:dev: the session was ended by carol@desk\ncode 0$/m);
    await desk.shows(/was ended by carol@desk/);
  });

  test('at a terminal close asks, and a list shows who is attached and for how long nobody has typed', async () => {
    await bob.type('clear; azlin list; echo "code $?"\n');
    await bob.shows(/^HOSTNAME +SESSION +STATUS +IP +ATTACHED +IDLE$/m);
    await bob.shows(/^shared +dev +Running +127\S+ +(alice@(desk|laptop)(, )?){2} +\d+ s$/m);
    await bob.type('clear; azlin close shared:dev; echo "code $?"\n');
    await bob.shows(/alice@\w+, alice@\w+ are attached to shared:dev\. End it\?/);
    await bob.press('n', 'Enter');
    await bob.shows(/^error: Nothing was ended\ncode 130$/m);
    await attached('alice@desk', 'alice@laptop');
    await bob.type('clear; azlin close shared:dev; echo "code $?"\n');
    await bob.shows(/End it\?/);
    await bob.press('y', 'Enter');
    await bob.shows(/^Ended shared:dev \(2 clients detached\)\ncode 0$/m);
  });

  test('a tmux that azlin did not start is there too, and reads who it was', async () => {
    const { environment } = fleet.machines.get('shared') ?? {};
    const plain = await openTerminal({ ...environment, VM_TMUX: environment?.['TMUX_TMPDIR'] ?? '' }, 90, 20);
    try {
      await plain.type('TMUX= TMUX_TMPDIR=$VM_TMUX tmux attach -t =dev\n');
      await plain.shows(/\[dev\]/);
      await until('three clients', async () => (await clients()).length === 3);
      const name = (await clients()).find(({ label }) => label === null)?.client ?? '';
      expect(name).toMatch(/^\/dev\//);
      expect((await run('disconnect', 'shared:dev', '--client', name)).exitCode).toBe(0);
      await plain.shows(/\[detached by carol@desk\]$/m);
    } finally {
      await plain.close();
    }
  });
});

describe('whose a session is', () => {
  const as = (label: string, ...args: string[]) => azlin(fleet, args, { environment: { AZLIN_LABEL: label } });
  const owners = async () =>
    Object.fromEntries(
      (JSON.parse((await as('x', 'list', '--json')).stdout) as { session: string; owner: string | null }[]).map(
        ({ session, owner }) => [session, owner],
      ),
    );

  test('every way of making one says who it was, and one that was there keeps its owner', async () => {
    await tmux('new-session', '-d', '-s', 'plain');
    const ann = '#{a} $(id) é;';
    await as(ann, 'exec', '--create', 'shared:of-exec', 'true');
    await as('bob', 'exec', '--durable', '--create', 'shared:of-job', 'true');
    await as('bob', 'run', '--create', 'shared:of-run', 'true');
    await as('carol', 'open', 'shared', '--tmux-session', 'of-ssh');
    for (const session of ['of-exec', 'of-ssh', 'plain'])
      await as('dave', 'exec', '--create', `shared:${session}`, 'true');
    expect(await owners()).toMatchObject({
      plain: null,
      'of-exec': ann,
      'of-job': 'bob',
      'of-run': 'bob',
      'of-ssh': 'carol',
    });
    await as('dave', 'rename', 'shared:of-ssh', 'renamed');
    expect(await owners()).toMatchObject({ renamed: 'carol' });
  }, 60_000);

  test('so do connect --create and a view', async () => {
    await as('greta', 'open', 'shared', '--tmux-session', 'base');
    const terminal = await terminalOf('zoe');
    try {
      await terminal.type('azlin connect --create shared:of-connect; echo "code $?"\n');
      await terminal.shows(/\[of-conn/);
      await terminal.press('C-b', 'd');
      await terminal.shows(/^code 0$/m);
      await terminal.type('clear; azlin connect --independent shared:base\n');
      await terminal.shows(/\[base-zoe/);
      expect(await owners()).toMatchObject({ 'of-connect': 'zoe', 'base-zoe': 'zoe', base: 'greta' });
    } finally {
      await terminal.close();
    }
  }, 40_000);

  test('list --mine, list --wide and prune --mine', async () => {
    await as('erin', 'open', 'shared', '--tmux-session', 'erins');
    await as('frank', 'open', 'shared', '--tmux-session', 'franks');
    const mine = await as('erin', 'list', '--mine');
    expect(mine.stdout).toMatch(/^HOSTNAME .*\nshared +erins +Running +\S+\n$/);
    expect((await as('erin', 'list', '--wide')).stdout).toMatch(
      /^shared +franks .* frank +\d{4}-\d\d-\d\dT[\d:]+Z +- +\$\d+$/m,
    );
    const nobody = await as('nobody', 'list', '--mine');
    expect(nobody).toMatchObject({ exitCode: 0, stderr: 'no session was made by "nobody"\n' });
    expect((await as('erin', 'list', '--mine', '--no-sessions')).exitCode).toBe(2);
    for (const label of ['erin', 'frank']) await as(label, 'session', `shared:${label}s`, '--ttl', '1s');
    await until('both to be overdue', async () => {
      const { stdout } = await as('erin', 'prune', '--dry-run', '--json');
      return (JSON.parse(stdout) as { session: string }[]).length === 2;
    });
    await as('erin', 'prune', '--mine', '--yes');
    expect(await owners()).toEqual(expect.not.objectContaining({ erins: 'erin' }));
    expect(await owners()).toMatchObject({ franks: 'frank' });
  }, 60_000);
});
