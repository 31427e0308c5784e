/*
 * Measures how long `azlin mcp` takes from its start to its first answer, compared with `node -e 0`; and what a command costs through it, compared with `ssh`,
 * also over a connection that is open already. All in turns, in one run. Prints medians, ratios, and whether they are within their limits.
 * Usage: npm run bench:mcp [-- RUNS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { CLI, startFleet } from '../test/support/fleet.ts';
import { connectAgent } from '../test/support/mcp-client.ts';
import { until } from '../test/support/until.ts';
import { sshTo } from './ssh-to.ts';

const RUNS = Number(process.argv[2] ?? 30);
const NODE = process.env['BENCH_NODE'] ?? process.execPath;

const client = { name: 'bench', version: '1' };
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': client,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const FIRST = {
  'azlin mcp, initialize (2025-11-25)': {
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: client },
  },
  'azlin mcp, server/discover (2026-07-28)': { method: 'server/discover', params: { _meta: META } },
};

const fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }]);
const environment = { ...fleet.environment, AZLIN_PERSIST: '10m' };
const times = new Map<string, number[]>();
const note = (name: string, ms: number) => times.set(name, [...(times.get(name) ?? []), ms]);
try {
  const ssh = sshTo(fleet, 'myvm');
  const master = spawn('ssh', [...ssh.master.slice(0, -1), '-N', 'myvm'], { stdio: 'ignore' });
  await until('the connection of ssh', () => existsSync(join(fleet.directory, 'mux')));
  const agent = await connectAgent({ environment });
  const execute = () => agent.call('ssh_execute', { server: 'myvm', command: 'true' });
  await execute();
  // The first round does not count.
  for (let round = -1; round < RUNS; round++) {
    const timed = async (name: string, work: () => Promise<unknown>) => {
      const since = performance.now();
      const own = await work();
      if (round >= 0) note(name, typeof own === 'number' ? own : performance.now() - since);
    };
    await timed('node -e 0', () => ended([NODE, '-e', '0']));
    for (const [name, request] of Object.entries(FIRST)) await timed(name, () => firstAnswer(request));
    await timed('ssh myvm true', () => ended([...ssh.alone, 'true']));
    await timed('ssh myvm true, connected', () => ended([...ssh.shared, 'true']));
    await timed('ssh_execute myvm true', execute);
  }
  await agent.close();
  master.kill();
} finally {
  fleet.close();
}
const median = (name: string) => (times.get(name) ?? []).sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN;
console.log(`${process.version}, ${RUNS} runs each, in turns, medians`);
for (const name of times.keys()) console.log(`  ${name.padEnd(42)} ${median(name).toFixed(1)} ms`);
const ratio = (name: string, to: string, limit: number) => {
  const found = median(name) / median(to);
  const verdict = `at most ${limit}: ${found <= limit ? 'yes' : 'NO'}`;
  console.log(`  ${`${name} / ${to}`.padEnd(56)} ${found.toFixed(2)}   ${verdict}`);
};
for (const name of Object.keys(FIRST)) ratio(name, 'node -e 0', 2.5);
ratio('ssh_execute myvm true', 'ssh myvm true', 0.8);

function ended([command = '', ...args]: readonly string[]): Promise<unknown> {
  return once(spawn(command, args, { env: environment, stdio: 'ignore' }), 'close');
}

/** The milliseconds from the start of a server to its first answer. It ends as its clients end it, so that it keeps its compiled code. */
async function firstAnswer(request: object): Promise<number> {
  const since = performance.now();
  const child = spawn(NODE, [CLI, 'mcp'], { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, ...request })}\n`);
  await once(child.stdout, 'data');
  const ms = performance.now() - since;
  child.stdin.end();
  await once(child, 'close');
  return ms;
}
