/*
 * `azlin mcp` under load: many clients at once over both transports and in both revisions, a gigabyte of output, a command of three minutes whose client gives
 * up after one, and a server that is killed in the middle of a command.
 * Usage: npm run soak:mcp [-- CLIENTS]
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { startFleet } from '../support/fleet.ts';
import { connectAgent, ERAS, type McpAgent, startHttpServer } from '../support/mcp-client.ts';

const CLIENTS = Number(process.argv[2] ?? 50);
const TOKEN = 'a-token-for-the-soak';
const GIGABYTE = 1_000_000_000;

interface Result {
  readonly state: string;
  readonly job: string;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stdoutOffset: number;
  readonly stdoutOmitted: { readonly from: number; readonly to: number } | null;
}

let failures = 0;
const tell = (isRight: boolean, what: string) => {
  if (!isRight) failures++;
  console.log(`${isRight ? 'ok    ' : 'FAILED'} ${what}`);
};
const seconds = (since: number) => `${((performance.now() - since) / 1_000).toFixed(1)} s`;
/** The most memory that a process has had, in MB. */
const peakOf = (pid: number) =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024);

const fleet = await startFleet(['one', 'two', 'three', 'four'].map((name) => ({ name, sessions: ['dev'] })));
const environment = { ...fleet.environment, AZLIN_PERSIST: '10m', AZLIN_MCP_TOKEN: TOKEN };
const agent = (request: Partial<Parameters<typeof connectAgent>[0]> = {}) => connectAgent({ environment, ...request });
try {
  await manyClients('each with a server of its own', (era) => agent({ era }));
  const server = await startHttpServer(environment);
  await manyClients('of one server over HTTP', (era) => agent({ era, http: { url: server.url, token: TOKEN } }));
  console.log(`       its server: at most ${peakOf(server.pid)} MB`);
  server.close();
  await server.exitCode;
  await muchOutput();
  await killedServer();
  await longCommand();
} finally {
  fleet.close();
}
console.log(failures === 0 ? 'all as they should be' : `${failures} not as they should be`);
process.exitCode = failures === 0 ? 0 : 1;

async function manyClients(how: string, connect: (era: (typeof ERAS)[number]) => Promise<McpAgent>): Promise<void> {
  const since = performance.now();
  const one = async (_: unknown, n: number) => {
    const client = await connect(ERAS[n % ERAS.length] ?? ERAS[0]);
    try {
      const server = ['one', 'two', 'three', 'four'][n % 4];
      const runs = [1, 2, 3].map(async (k) => {
        const command = `echo ${n}-${k}; exit ${k}`;
        const result = await client.call<Result>('ssh_execute', { server, command, wait: 300 }, { timeout: 400_000 });
        return result.stdout === `${n}-${k}\n` && result.exitCode === k;
      });
      return (await Promise.all(runs)).every(Boolean);
    } finally {
      await client.close();
    }
  };
  const all = await Promise.allSettled(Array.from({ length: CLIENTS }, one));
  const right = all.filter((result) => result.status === 'fulfilled' && result.value).length;
  tell(right === CLIENTS, `${right} of ${CLIENTS} clients, ${how}: 3 commands each, ${seconds(since)}`);
  const [wrong] = all.flatMap((result) => (result.status === 'rejected' ? [`${result.reason}`] : []));
  if (wrong !== undefined) console.log(`       ${wrong}`);
}

async function muchOutput(): Promise<void> {
  const one = await agent();
  const since = performance.now();
  const command = `head -c ${GIGABYTE - 6} /dev/zero | tr '\\0' x; echo; echo last`;
  const result = await one.call<Result>('ssh_execute', { server: 'one', command, wait: 600 }, { timeout: 700_000 });
  const isRight = result.stdoutOffset === GIGABYTE && result.stdout.endsWith('x\nlast\n');
  tell(isRight, `1 GB of output: ${result.stdout.length} characters in the answer, ${seconds(since)}`);
  console.log(`       its server: at most ${peakOf(one.pid)} MB`);
  const rest = { job: result.job, offset: GIGABYTE - 6 };
  const { text } = await one.call<{ text: string }>('ssh_job_output', rest, { timeout: 200_000 });
  tell(text === '\nlast\n', 'its last bytes by offset');
  await one.close();
}

async function killedServer(): Promise<void> {
  const first = await agent();
  const { id } = await first.call<{ id: string }>('ssh_session_start', { server: 'two', name: 'kept' });
  await first.call('ssh_session_send', { session: id, command: 'cd /usr/lib' });
  const command = 'for i in $(seq 1 40); do echo $i; sleep 0.1; done';
  const begun = await first.call<Result>('ssh_execute', { server: 'two', command, wait: 1 });
  process.kill(first.pid, 'SIGKILL');
  await first.close().catch(() => {});
  const next = await agent();
  const { job, stdoutOffset } = begun;
  const rest = await next.call<Result>('ssh_job_wait', { job, stdoutOffset });
  const expected = Array.from({ length: 40 }, (_, n) => `${n + 1}\n`).join('');
  tell(begun.stdout + rest.stdout === expected, 'a command over the end of its server: every byte once');
  const there = await next.call<Result>('ssh_session_send', { session: id, command: 'pwd' });
  tell(there.stdout === '/usr/lib\n', 'a session over the end of its server: it kept its directory');
  await next.call('ssh_session_close', { session: id });
  await next.close();
}

async function longCommand(): Promise<void> {
  const one = await agent();
  const since = performance.now();
  const command = 'echo x >>~/runs; sleep 180; wc -l <~/runs';
  const asked = one.call('ssh_execute', { server: 'three', command, wait: 600 }, { timeout: 60_000 });
  const gaveUp = await asked.then(
    () => false,
    () => true,
  );
  tell(gaveUp, `a client that gives up after ${seconds(since)}`);
  const { jobs } = await one.call<{ jobs: readonly { job: string }[] }>('ssh_job_list', {
    server: 'three',
    running: true,
  });
  const [{ job } = { job: '' }] = jobs;
  const result = await one.call<Result>('ssh_job_wait', { job, wait: 300 }, { timeout: 400_000 });
  tell(result.stdout === '1\n' && result.exitCode === 0, `its command of 3 minutes: ran once, ${seconds(since)}`);
  await one.close();
}
