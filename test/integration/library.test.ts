import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { startFleet } from '../support/fleet.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

let fleet: DemoFleet;
let project: string;
beforeAll(async () => {
  fleet = await startFleet([
    { name: 'myvm', sessions: ['dev', 'main'] },
    { name: 'prodvm', sessions: ['api', 'main'] },
    { name: 'gone', sessions: [], stopped: true },
  ]);
  project = mkdtempSync(join(fleet.directory, 'project-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules', 'azlin'));
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(project, 'node_modules', '@types'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
}, 60_000);
afterAll(() => fleet.close());

/** A program that uses the package, as whoever installs it would write it. */
async function program(text: string, name = 'program.mjs') {
  writeFileSync(join(project, name), text);
  const child = run(process.execPath, [name], { cwd: project, env: fleet.environment, timeout: 25_000 });
  return child.then(
    ({ stdout, stderr }) => ({ stdout, stderr, exitCode: 0 }),
    ({ stdout, stderr, code }) => ({ stdout, stderr, exitCode: code as number }),
  );
}

const example = (page = 'docs/library.md') =>
  /```js\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, page), 'utf8'))?.[1] ?? '';
const use = (body: string, options = '{}') =>
  `import { AzlinError, createAzlin } from 'azlin';
   const azlin = createAzlin(${options});
   const say = (value) => console.log(JSON.stringify(value));
   try { ${body} } catch (error) { say({ isOurs: error instanceof AzlinError, code: error.code, message: error.message }); } finally { azlin.close(); }`;
const said = async (body: string, options?: string) => {
  const { stdout, stderr, exitCode } = await program(use(body, options));
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout
    .trim()
    .split('\n')
    .map((line: string) => JSON.parse(line) as unknown);
};

describe('the package, imported', () => {
  test('the example of the documentation', async () => {
    expect(await program(example())).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: [
        'api is prodvm:api, as root',
        'myvm dev ok',
        'myvm main ok',
        'prodvm api ok',
        'prodvm main ok',
        'Linux 0',
        'step 1',
        'step 2',
        "{ kind: 'exited', code: 3 }",
        '/tmp',
        'detached',
        '',
      ].join('\n'),
    });
  });

  test('the example of the registry', async () => {
    expect(await program(example('docs/registry.md'))).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: [
        "{ user_id: 'alice', request_count: 1 }",
        "[ 'myvm:dev' ]",
        '{ allowed: true }',
        '1 token_mismatch',
        ...['1 created', '2 updated', '3 created', '4 updated', '5 disconnected', '6 reconnected', ''],
      ].join('\n'),
    });
  });

  test('connections stay open: of many calls the first signs in', async () => {
    const [ports] = (await said(
      `const outputs = [];
       for (let n = 0; n < 4; n++) outputs.push((await (await azlin.exec('myvm:dev', 'echo $SSH_CONNECTION')).output()).stdout);
       say(outputs);`,
    )) as [readonly string[]];
    expect(new Set(ports).size).toBe(1);
    expect(ports).toHaveLength(4);
  });

  test('errors are AzlinErrors with codes, outcomes are values', async () => {
    expect(await said(`await azlin.resolve('main')`)).toEqual([
      { isOurs: true, code: 'ambiguous', message: 'Ambiguous session name "main"' },
    ]);
    expect(await said(`await azlin.exec('gone:x', 'true')`)).toMatchObject([{ isOurs: true, code: 'vm-not-running' }]);
    expect(await said(`await azlin.exec('a:b:c', 'true')`)).toMatchObject([
      { isOurs: true, code: 'invalid-identifier' },
    ]);
    expect(await said(`await azlin.listSessions()`, `{ context: 'nosuch' }`)).toMatchObject([
      { isOurs: true, code: 'usage' },
    ]);
    expect(
      await said(
        `const { outcome, exitCode } = await (await azlin.exec('myvm:dev', 'sleep 30', { timeout: 200 })).output(); say([outcome.kind, exitCode])`,
      ),
    ).toEqual([['timed-out', 124]]);
  });

  test('a signal ends a call, and the command that runs', async () => {
    expect(
      await said(
        `const stop = new AbortController();
         const sleep = await azlin.exec('myvm:dev', 'echo up; exec sleep 30', { signal: stop.signal });
         sleep.stdout.once('data', () => stop.abort());
         say((await sleep.output()).outcome);
         await azlin.exec('myvm:dev', 'true', { signal: stop.signal });`,
      ),
    ).toEqual([
      { kind: 'signaled', signal: expect.stringMatching(/TERM/) },
      { isOurs: true, code: 'interrupted', message: 'Interrupted' },
    ]);
  });

  test('words arrive as they are, a text is for the shell, input is forwarded, options count', async () => {
    expect(
      await said(
        `const { Readable } = await import('node:stream');
         const out = async (...args) => (await (await azlin.exec('myvm:dev', ...args)).output()).stdout;
         say([
           await out(['printf', '%s|', 'a b', '$HOME', "it's"]),
           await out('echo $((6 * 7))'),
           await out(['cat'], { stdin: Readable.from(['hello']) }),
           await out('pwd; echo $WHAT', { cwd: '/usr', env: { WHAT: '$x' } }),
           await out(['true;true']).then((text) => text, (error) => error.code),
         ]);`,
      ),
    ).toEqual([["a b|$HOME|it's|", '42\n', 'hello', '/usr\n$x\n', '']]);
    const [target] = await said(`say(await azlin.resolve('myvm:dev'))`, `{ user: 'someone' }`);
    expect(target).toMatchObject({
      identifier: 'myvm:dev',
      hostname: 'myvm',
      session: 'dev',
      vmId: expect.any(String),
    });
  });

  test('a job of an id is run once', async () => {
    expect(
      await said(
        `for (let n = 0; n < 2; n++) say((await (await azlin.exec('myvm:dev', 'echo $$', { job: 'once-1' })).output()).stdout);`,
      ).then(([first, second]) => first === second && first !== ''),
    ).toBe(true);
  });

  test('a client is a pair of streams', async () => {
    expect(
      await said(
        `const client = await azlin.connect('myvm:main', { columns: 80, rows: 24 });
         let seen = '';
         const shown = new Promise((resolve) => client.stdout.on('data', (data) => { seen += data; if (/is 6x7=42/.test(seen)) resolve(); }));
         client.stdin.write('echo is 6x7=$((6*7))\\n');
         await shown;
         client.resize(100, 30);
         await client.detach();
         say([client.target, client.others, (await client.end).kind]);`,
      ),
    ).toEqual([['myvm:main', [], 'detached']]);
  });

  test('a stream that breaks off ends the command, and nothing else', async () => {
    const broken = (make: string) =>
      said(
        `const { Readable } = await import('node:stream');
         const cat = await azlin.exec('myvm:dev', 'cat >/dev/null; echo whole', { stdin: ${make} });
         const { stdout, outcome } = await cat.output();
         say([stdout, outcome.kind]);`,
      );
    for (const make of [
      `new Readable({ read() { if (this.half) return; this.half = this.push('half'); setTimeout(() => this.destroy(new Error('boom')), 50); } })`,
      `Readable.from([{ a: 1 }])`,
      `(() => { const gone = Readable.from(['x']); gone.on('error', () => {}); gone.destroy(); return gone; })()`,
    ])
      expect(await broken(make)).toEqual([['', 'signaled']]);
  });

  test('output that nobody reads on does not hold the command up', async () => {
    expect(
      await said(
        `const yes = await azlin.exec('myvm:dev', 'yes | head -c 20000000; exit 7');
         for await (const chunk of yes.stdout) break;
         yes.stderr.resume();
         say(await yes.outcome);
         const gone = await azlin.exec('myvm:dev', 'echo hi');
         gone.stdout.destroy();
         const [one, two] = await Promise.all([gone.output(), gone.output()]);
         say([one.exitCode, one === two]);`,
      ),
    ).toEqual([{ kind: 'exited', code: 7 }, [0, true]]);
  });

  test('close ends what is under way, and the process can end', async () => {
    expect(
      await said(
        `const sleep = await azlin.exec('myvm:dev', 'sleep 30');
         const listing = azlin.listSessions({ refresh: true }).then(() => 'listed', ({ code }) => code);
         setTimeout(() => azlin.close(), 20);
         say([await listing, (await sleep.output()).outcome.kind !== 'exited']);
         await azlin.resolve('myvm:dev');`,
      ),
    ).toEqual([['interrupted', true], { isOurs: true, code: 'interrupted', message: 'This azlin is closed' }]);
  });

  test('a signal that lives long is not listened to for ever; of connect it detaches', async () => {
    expect(
      await said(
        `const { getEventListeners } = await import('node:events');
         const stop = new AbortController();
         for (let n = 0; n < 12; n++) await (await azlin.exec('myvm:dev', 'true', { signal: stop.signal })).output();
         await azlin.resolve('myvm:dev', { signal: stop.signal });
         await new Promise((resolve) => setImmediate(resolve));
         say(getEventListeners(stop.signal, 'abort').length);
         const client = await azlin.connect('myvm:main', { columns: 80, rows: 24, signal: stop.signal });
         client.stdout.resume();
         setTimeout(() => stop.abort(), 200);
         say((await client.end).kind);`,
      ),
    ).toEqual([0, 'detached']);
  });

  test.each([
    [`azlin.resolve()`, 'Invalid identifier: expected a string, not undefined'],
    [`azlin.exec('myvm:dev')`, 'Invalid command: expected a string, or a list'],
    [`azlin.exec('myvm:dev', [])`, 'Invalid command'],
    [
      `azlin.exec('myvm:dev', 'true', { timeout: '5s' })`,
      'Invalid timeout: expected a positive number of milliseconds, not "5s"',
    ],
    [`azlin.exec('myvm:dev', 'true', { timeout: NaN })`, 'Invalid timeout'],
    [`azlin.exec('myvm:dev', 'true', { signal: 5 })`, 'Invalid signal'],
    [`azlin.exec('myvm:dev', 'true', { stdin: 'text' })`, 'Invalid stdin'],
    [`azlin.exec('myvm:dev', 'true', { env: { A: undefined } })`, 'Invalid env.A: expected a string'],
    [`azlin.exec('myvm:dev', 'true', { env: { 'X=1; echo INJECTED; Y': 'v' } })`, 'Invalid variable name'],
    [`azlin.connect('myvm:dev')`, 'Invalid columns'],
    [`azlin.listSessions({ deadline: -1 })`, 'Invalid deadline'],
  ])('%s is refused', async (line, message) => {
    expect(await said(`await ${line}; say('taken')`)).toEqual([
      { isOurs: true, code: 'usage', message: expect.stringContaining(message) },
    ]);
  });

  test('options count: of lists, of clients, of the whole', async () => {
    expect(
      await said(
        `say((await azlin.listSessions({ all: true, host: 'g*' })).rows.map(({ hostname }) => hostname));
         say((await azlin.listSessions({ tags: ['nosuch'] })).rows);
         say(await azlin.exec('myvm:fresh', 'true').catch(({ code }) => code));
         say((await (await azlin.exec('myvm:fresh', 'echo made', { create: true })).output()).stdout);
         say(await azlin.run('myvm:fresher', 'true').catch(({ code }) => code));
         say((await (await azlin.run('myvm:fresher', 'echo made', { create: true })).output()).stdout);
         const first = await azlin.connect('myvm:main', { columns: 80, rows: 24 });
         first.stdout.resume();
         const second = await azlin.connect('myvm:main', { columns: 80, rows: 24, takeOver: true });
         second.stdout.resume();
         say([second.others.length, (await first.end).kind]);
         await second.detach();`,
      ),
    ).toEqual([['gone'], [], 'session-not-found', 'made\n', 'session-not-found', 'made\n', [1, 'detached']]);
    expect(
      await said(
        `say(await azlin.exec('myvm:dev', 'true').catch(({ code }) => code))`,
        `{ identities: ['/nonexistent'] }`,
      ),
    ).toEqual(['config']);
    expect(
      await said(`say(await azlin.exec('myvm:dev', 'true').catch(({ code }) => code))`, `{ port: 99999 }`),
    ).toEqual(['usage']);
  });

  test('CommonJS gets it, too, and TypeScript its types', async () => {
    writeFileSync(join(project, 'old.cjs'), `console.log(typeof require('azlin').createAzlin)`);
    expect((await run(process.execPath, ['old.cjs'], { cwd: project })).stdout).toBe('function\n');
    const options = {
      module: 'nodenext',
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
      allowJs: true,
      checkJs: true,
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['typed.ts', 'example.mjs'] }),
    );
    writeFileSync(join(project, 'example.mjs'), example());
    writeFileSync(
      join(project, 'typed.ts'),
      `import { type Azlin, AzlinError, createAzlin, type Outcome, type SessionRow } from 'azlin';
       const azlin: Azlin = createAzlin({ port: 22 });
       const rows: Promise<readonly SessionRow[]> = azlin.listSessions({ all: true }).then(({ rows }) => rows);
       export const outcome = async (): Promise<Outcome> => (await azlin.exec('a', ['b'])).outcome;
       // @ts-expect-error there is no default export
       import nothing from 'azlin';
       void nothing;
       // @ts-expect-error there is no such option
       void azlin.exec('a', 'b', { nosuch: 1 });
       void rows.catch((error: unknown) => error instanceof AzlinError && error.code === 'ambiguous');`,
    );
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], { stdio: 'pipe' });
  });
});
