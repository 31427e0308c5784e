import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';
import { machineRun } from '../support/machine.ts';
import { connectAgent, ERAS, type McpAgent, type McpHttpServer, startHttpServer } from '../support/mcp-client.ts';
import { connectTaskClient } from '../support/mcp-task-client.ts';
import { until } from '../support/until.ts';

/* What a client of `azlin mcp` may do at once, what it gets told, and calls whose result it asks for later. */

let fleet: DemoFleet;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'myvm', sessions: ['dev'] },
    { name: 'other', sessions: [] },
  ]);
}, 60_000);
afterAll(() => fleet.close());

const agents: McpAgent[] = [];
const servers: McpHttpServer[] = [];
afterEach(async () => {
  for (const one of agents.splice(0)) await one.close();
  for (const server of servers.splice(0)) {
    server.close();
    await server.exitCode;
  }
  rmSync(join(home(), 'config.toml'), { force: true });
});

const home = () => fleet.environment['AZLIN_HOME'] ?? '';
const settings = (text: string) => writeFileSync(join(home(), 'config.toml'), `[mcp]\n${text}\n`);
const audited = () =>
  readFileSync(join(home(), 'mcp-audit.jsonl'), 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { tool: string; result: string; error?: string }]));

async function agent(request: Partial<Parameters<typeof connectAgent>[0]> = {}): Promise<McpAgent> {
  const one = await connectAgent({ ...request, environment: { ...fleet.environment, ...request.environment } });
  agents.push(one);
  return one;
}

async function server(): Promise<McpHttpServer> {
  const one = await startHttpServer({ ...fleet.environment, AZLIN_MCP_TOKEN: TOKEN });
  servers.push(one);
  return one;
}
const TOKEN = 'a-token-for-tests';

const hasSession = async (name: string) =>
  (await machineRun(fleet, 'myvm', ['tmux', 'list-sessions', '-F', '#S'])).stdout.split('\n').includes(name);

interface Result {
  readonly job: string;
  readonly state: string;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stdoutOffset: number;
  readonly stdoutOmitted: { readonly from: number; readonly to: number } | null;
}
interface Session {
  readonly id: string;
  readonly name: string;
  readonly server: string;
  readonly state: string;
  readonly created: boolean;
}

describe('tasks', () => {
  const ask = async (args: object) => {
    const { url } = await server();
    const client = await connectTaskClient({ url, token: TOKEN });
    const created = await client.call('ssh_execute', { server: 'myvm', wait: 0, ...args });
    return { url, client, created };
  };

  test('a command that goes on is one, for the official client too, and its end is the result of the call', async () => {
    const { url } = await server();
    const client = await connectTaskClient({ url, token: TOKEN });
    const args = { server: 'myvm', command: 'echo begun; sleep 4; echo ended; exit 3', wait: 0 };
    const session = client.session();
    const execution = await session.callTool('ssh_execute', args);
    expect(execution.kind).toBe('task');
    const { outcome } = await execution.settle();
    expect(outcome).toMatchObject({
      status: 'completed',
      result: { structuredContent: { state: 'exited', exitCode: 3, stdout: 'begun\nended\n' } },
    });
    await session.close();
    // What ends in time needs none.
    const quick = await client.call('ssh_execute', { server: 'myvm', command: 'echo quick' });
    expect(quick).toMatchObject({ resultType: 'complete', structuredContent: { stdout: 'quick\n' } });
  });

  test('another server can be asked, also for as much of the output as was wanted', async () => {
    const { client, created } = await ask({ command: 'seq 2000; sleep 4; seq 2000', max_bytes: 2_000 });
    expect(created).toMatchObject({ resultType: 'task', status: 'working', ttlMs: 604_800_000, pollIntervalMs: 2_000 });
    const { taskId } = created as { taskId: string };
    for (const one of servers.splice(0)) {
      one.close();
      await one.exitCode;
    }
    const { url } = await server();
    const next = await connectTaskClient({ url, token: TOKEN });
    let told: Record<string, unknown> = {};
    await until('its end', async () => {
      told = await next.request('tasks/get', { taskId });
      return told['status'] === 'completed';
    });
    const { stdout, stdoutOmitted } = (told as { result: { structuredContent: Result } }).result.structuredContent;
    expect(stdout).toMatch(/^1\n2\n.*bytes left out here.*\n1999\n2000\n$/s);
    expect(stdoutOmitted).not.toBeNull();
    expect(stdout.length).toBeLessThan(2_100);
    expect(created).toMatchObject({ statusMessage: expect.stringMatching(/^myvm: running, \d+ bytes of output$/) });
    expect(Date.parse(`${told['createdAt']}`)).toBeLessThan(Date.parse(`${told['lastUpdatedAt']}`));
    expect(client).toBeDefined();
  });

  test('ending one ends its command; one that has ended can be ended, too', async () => {
    const { client, created } = await ask({ command: 'sleep 600' });
    const { taskId } = created as { taskId: string };
    expect(await client.request('tasks/update', { taskId, inputResponses: {} })).toEqual(DONE);
    expect(await client.request('tasks/cancel', { taskId })).toEqual(DONE);
    expect(await client.request('tasks/get', { taskId })).toMatchObject({ status: 'cancelled' });
    expect(await client.request('tasks/cancel', { taskId })).toEqual(DONE);
    const one = await agent();
    expect(await one.call<Result>('ssh_job_wait', { job: jobIn(taskId) })).toMatchObject({ state: 'cancelled' });
  });
  const jobIn = (taskId: string) => taskId.split('@')[0] ?? '';
  const DONE = { resultType: 'complete', _meta: expect.anything() };

  test('one that is not there, the beginning of an id, a client that takes none, rules', async () => {
    settings('deny = ["ssh_job_wait other"]');
    const { url, client, created } = await ask({ server: 'other', command: 'sleep 600' });
    const { taskId } = created as { taskId: string };
    for (const wrong of ['nothing@other', 'nothing', '../x', `${jobIn(taskId)}@%zz`])
      await expect(client.request('tasks/get', { taskId: wrong })).rejects.toThrow('-32602: There is no task');
    await expect(client.request('tasks/cancel', { taskId: `${taskId.slice(0, 6)}@other` })).rejects.toThrow('-32602');
    await expect(client.request('tasks/get', { taskId })).rejects.toThrow('ssh_job_wait on other is not allowed');
    const without = await connectTaskClient({ url, token: TOKEN, takesTasks: false });
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
      await expect(without.request(method, { taskId })).rejects.toThrow('-32021');
    const running = await without.call('ssh_execute', { server: 'other', command: 'sleep 600', wait: 0 });
    expect(running).toMatchObject({ structuredContent: { state: 'running' } });
    const other = (running['structuredContent'] as Record<string, string>)['job'] ?? '';
    const { jobs } = await (await agent()).call<{ jobs: readonly { job: string }[] }>('ssh_job_list', {
      server: 'other',
      running: true,
    });
    expect(jobs.map(({ job }) => job)).toEqual(expect.arrayContaining([jobIn(taskId), other]));
    for (const job of [jobIn(taskId), other]) await client.call('ssh_job_cancel', { job });
  });
});

test('read-only: a task can be neither ended nor read where its tools are not offered', async () => {
  const one = await agent();
  const { job } = await one.call<Result>('ssh_execute', { server: 'myvm', command: 'sleep 600', wait: 0 });
  settings('read_only = true');
  const { url } = await server();
  const client = await connectTaskClient({ url, token: TOKEN });
  for (const method of ['tasks/cancel', 'tasks/get'])
    await expect(client.request(method, { taskId: `${job}@myvm` })).rejects.toThrow('is not allowed by the settings');
  rmSync(join(home(), 'config.toml'));
  expect(await one.call('ssh_job_cancel', { job })).toMatchObject({ hadEnded: false });
});

test('a client of 2025 gets no task, whatever it says', async () => {
  const one = await agent({ era: '2025-11-25' });
  const meta = {
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  };
  const args = { server: 'myvm', command: 'sleep 30', wait: 0 };
  const result = await one.client.callTool({ name: 'ssh_execute', arguments: args, _meta: meta });
  expect(result.structuredContent).toMatchObject({ state: 'running' });
  await one.call('ssh_job_cancel', { job: (result.structuredContent as { job: string }).job });
});

describe('limits of a client', () => {
  test('calls in a minute', async () => {
    settings('max_calls = 2');
    const one = await agent();
    for (let n = 0; n < 2; n++) await one.call('ssh_session_list');
    expect(await one.refused('ssh_session_list')).toMatch(
      /^error: This client has made 2 calls in a minute; nothing was done.*\nhint: try again in \d+ s; mcp\.max_calls/,
    );
    expect(audited().at(-1)).toMatchObject({ tool: 'ssh_session_list', result: 'error', code: 'usage' });
    // Another client is not held up.
    await (await agent()).call('ssh_session_list');
  });

  test('sessions', async () => {
    settings('max_sessions = 1');
    const one = await agent();
    const first = await one.call<Session>('ssh_session_start', { server: 'myvm', name: 'one' });
    expect(await one.refused('ssh_session_start', { server: 'myvm', name: 'two' })).toMatch(
      /^error: This client already has 1 session; nothing was started.*\nhint: close one with ssh_session_close/,
    );
    expect(await hasSession('two')).toBe(false);
    await one.call('ssh_session_close', { session: first.id });
    await one.call('ssh_session_start', { server: 'myvm', name: 'two' });
    await one.call('ssh_session_close', { session: 'all' });
  });

  test('running commands, also those that calls have left behind', async () => {
    settings('max_jobs = 1');
    const one = await agent();
    const run = (command: string, wait = 0) => one.call<Result>('ssh_execute', { server: 'myvm', command, wait });
    const { job } = await run('sleep 600');
    expect(await one.refused('ssh_execute', { server: 'myvm', command: 'touch ~/too-many' })).toMatch(
      /^error: 1 command of this client runs already; nothing was started.*\nhint: wait for one with ssh_job_wait/,
    );
    await one.call('ssh_job_cancel', { job });
    // The same call again starts nothing.
    const again = { server: 'myvm', command: 'sleep 600', wait: 0, idempotency_key: 'once' };
    const { job: keyed } = await one.call<Result>('ssh_execute', again);
    expect(await one.call<Result>('ssh_execute', again)).toMatchObject({ state: 'running', job: keyed });
    await one.call('ssh_job_cancel', { job: keyed });
    // One that has ended without anybody asking does not count.
    const { job: next } = await run('sleep 0.2');
    const other = await agent();
    expect(await other.call<Result>('ssh_job_wait', { job: next })).toMatchObject({ state: 'exited' });
    expect(await run('ls ~/too-many', 20)).toMatchObject({ state: 'exited', exitCode: 2 });
  });
});

describe.each(ERAS)('arguments, revision %s', (era) => {
  test('everything that is wrong with them, in plain words, and it is written down', async () => {
    const one = await agent({ era });
    const wrong = { server: '', comand: 'true', wait: 601, on_cancel: 'stop', max_bytes: 1.5, env: 3 };
    const said = await one.refused('ssh_execute', wrong);
    expect(said).toBe(
      'error: Invalid arguments for ssh_execute: "server" is empty; "command" is missing; "env" must be an object; ' +
        '"on_cancel" must be "leave" or "cancel"; "wait" must be at most 600; "max_bytes" must be an integer; ' +
        'unknown argument "comand" (usage)\n' +
        'hint: it takes server, command, cwd, env, stdin, timeout, idempotency_key, on_cancel, wait, max_bytes',
    );
    expect(audited().at(-1)).toMatchObject({ tool: 'ssh_execute', result: 'error', code: 'usage' });
    const slow = one.call<Result>('ssh_execute', { server: 'myvm', command: 'sleep 0.5; echo done' });
    await expect(one.call('ssh_nothing')).rejects.toThrow('There is no tool "ssh_nothing"');
    expect(await slow).toMatchObject({ stdout: 'done\n' });
    expect(audited().findLast(({ tool }) => tool === 'ssh_nothing')).toMatchObject({ result: 'error' });
  });
});

describe('sessions', () => {
  test('the same name is the same session; another one with its name is not written to, and what has ended is said', async () => {
    const one = await agent();
    const first = await one.call<Session>('ssh_session_start', { server: 'myvm', name: 'same' });
    const again = await one.call<Session>('ssh_session_start', { server: 'MYVM', name: 'same' });
    expect([first.created, again.created, again.id]).toEqual([true, false, first.id]);
    const listed = async () =>
      (await one.call<{ sessions: readonly Session[] }>('ssh_session_list', { server: 'MyVm' })).sessions;
    expect(await listed()).toMatchObject([{ id: first.id, state: 'connected' }]);
    await machineRun(fleet, 'myvm', ['tmux', 'kill-session', '-t', '=same']);
    expect(await listed()).toMatchObject([{ id: first.id, state: 'closed' }]);
    await machineRun(fleet, 'myvm', ['tmux', 'new-session', '-d', '-s', 'same']);
    expect(await listed()).toMatchObject([{ id: first.id, state: 'closed' }]);
    for (const [tool, args] of [
      ['ssh_session_send', { command: 'touch ~/wrong' }],
      ['ssh_session_type', { text: 'touch ~/wrong\n', keys: ['Enter'] }],
    ] as const)
      expect(await one.refused(tool, { session: first.id, ...args })).toMatch(
        /^error: The session in "myvm:same" has ended, and another one has its name now; nothing was sent/,
      );
    // A new start uses the one that is there, which it does not end.
    const next = await one.call<Session>('ssh_session_start', { server: 'myvm', name: 'same' });
    expect(next).toMatchObject({ created: false, state: 'connected' });
    expect(next.id).not.toBe(first.id);
    expect(
      await one.call<Result>('ssh_session_send', { session: next.id, command: 'ls ~/wrong 2>/dev/null; echo $?' }),
    ).toMatchObject({ stdout: '2\n' });
    await one.call('ssh_session_close', { session: 'all' });
    expect(await hasSession('same')).toBe(true);
  });
});

describe.each(ERAS)('people, revision %s', (era) => {
  test('are asked once for a call, and not by a client that only opens pages', async () => {
    settings('confirm = ["ssh_session_start"]');
    const asked: string[] = [];
    const one = await agent({ era, confirm: (message) => asked.push(message) > 0 });
    const { id } = await one.call<Session>('ssh_session_start', { server: 'myvm', name: 'asked' });
    expect(asked).toEqual([expect.stringMatching(/^Allow ssh_session_start\?\n/)]);
    await one.call('ssh_session_close', { session: id });
    const other = await agent({ era, elicitation: { url: {} } });
    expect(await other.refused('ssh_session_start', { server: 'myvm', name: 'asked' })).toContain(
      'needs the confirmation of a person (mcp.confirm has "ssh_session_start"), and this client cannot ask',
    );
  });
});

test('a call that cannot be written down is done all the same, and says so', async () => {
  settings(`audit = "${fleet.directory}"`);
  const one = await agent();
  const { warnings } = await one.call<{ warnings: readonly string[] }>('ssh_session_list');
  expect(warnings).toEqual([expect.stringContaining('this call could not be written down: ')]);
});

test('rules: who comes back is judged, too; a refused call is no use; of several that are closed each is judged', async () => {
  const one = await agent();
  const start = (server: string, name: string) =>
    one.call<Session & { reconnect_token: string; attach: string }>('ssh_session_start', { server, name });
  const first = await start('root@myvm', 'first one');
  expect(first.attach).toBe("azlin connect 'root@myvm:first one'");
  const second = await start('other', 'second');
  settings('deny = ["ssh_session_reconnect other", "ssh_session_send myvm", "ssh_session_close other"]');
  const strict = await agent();
  const back = (session: typeof first) =>
    strict.call<{ reconnect_token: string }>('ssh_session_reconnect', {
      session_id: session.id,
      reconnect_token: session.reconnect_token,
    });
  await expect(back(second)).rejects.toThrow('ssh_session_reconnect on other:second is not allowed');
  await back(first);
  expect(await strict.refused('ssh_session_send', { session: first.id, command: 'true' })).toContain('is not allowed');
  const { sessions } = await strict.call<{ sessions: readonly (Session & { request_count: number })[] }>(
    'ssh_session_list',
    { server: 'myvm' },
  );
  expect(sessions).toMatchObject([{ id: first.id, request_count: 0 }]);
  settings('deny = ["ssh_session_close other"]');
  const last = await agent();
  await last.call('ssh_session_start', { server: 'other', name: 'second' });
  await last.call('ssh_session_start', { server: 'root@myvm', name: 'first one' });
  const { closed } = await last.call<{ closed: readonly { name: string; ended: boolean; reason: string | null }[] }>(
    'ssh_session_close',
    { session: 'all' },
  );
  expect([...closed].sort((a, b) => a.name.localeCompare(b.name))).toMatchObject([
    { name: 'first one', ended: false, reason: 'the tmux session was there before' },
    {
      name: 'second',
      ended: false,
      reason: expect.stringContaining('ssh_session_close on other:second is not allowed'),
    },
  ]);
});

test('a session that a person has renamed is the same one, and is ended under its new name', async () => {
  const one = await agent();
  const { id } = await one.call<Session>('ssh_session_start', { server: 'myvm', name: 'before' });
  await machineRun(fleet, 'myvm', ['tmux', 'rename-session', '-t', '=before', 'after']);
  await machineRun(fleet, 'myvm', ['tmux', 'new-session', '-d', '-s', 'before']);
  const { stdout } = await one.call<Result>('ssh_session_send', {
    session: id,
    command: 'tmux display-message -p "#S"',
  });
  expect(stdout).toBe('after\n');
  expect(await one.call('ssh_session_close', { session: id })).toMatchObject({ closed: [{ ended: true }] });
  expect([await hasSession('after'), await hasSession('before')]).toEqual([false, true]);
  await machineRun(fleet, 'myvm', ['tmux', 'kill-session', '-t', '=before']);
});

test('another client that starts a session of the same name has its own record, and does not end it', async () => {
  const [one, two] = [await agent(), await agent()];
  const start = (by: McpAgent) => by.call<Session>('ssh_session_start', { server: 'myvm', name: 'both' });
  const first = await start(one);
  const parallel = await Promise.all([start(two), start(two), start(two)]);
  expect(new Set(parallel.map(({ id }) => id)).size).toBe(1);
  expect(parallel[0]?.id).not.toBe(first.id);
  expect(await two.call('ssh_session_close', { session: 'all' })).toMatchObject({
    closed: [{ ended: false, reason: 'the tmux session was there before' }],
  });
  expect(await one.call<Result>('ssh_session_send', { session: first.id, command: 'echo there' })).toMatchObject({
    stdout: 'there\n',
  });
  await one.call('ssh_session_close', { session: 'all' });
  expect(await hasSession('both')).toBe(false);
});

test.each(['0', '1h'])('reconnect drops the connection that is kept, with daemon.persist %s', async (persist) => {
  const one = await agent({ environment: { AZLIN_PERSIST: persist } });
  const port = async () =>
    (await one.call<Result>('ssh_execute', { server: 'other', command: 'echo $SSH_CONNECTION | cut -d" " -f2' }))
      .stdout;
  const first = await port();
  expect(await port()).toBe(first);
  expect(await one.call('ssh_connection_status', { action: 'reconnect', server: 'other' })).toMatchObject({
    connected: true,
  });
  expect(await port()).not.toBe(first);
});
