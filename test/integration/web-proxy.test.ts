import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, startFleet } from '../support/fleet.ts';
import { freshHome } from '../support/fresh-home.ts';
import { type RealProxy, startSshSocks, startTinyproxy } from '../support/web-proxies.ts';

let fleet: DemoFleet;
let open: RealProxy;
let locked: RealProxy;
let socks: RealProxy;
beforeAll(async () => {
  fleet = await startFleet([{ name: 'one', sessions: [] }]);
  open = await startTinyproxy(fleet);
  locked = await startTinyproxy(fleet, 'carol s3cret-word');
  socks = await startSshSocks(fleet, 'one');
}, 60_000);
afterAll(() => {
  for (const proxy of [open, locked, socks]) proxy?.stop();
  fleet.close();
});

const VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

async function list(environment: Readonly<Record<string, string>>) {
  const none = Object.fromEntries(VARIABLES.map((name) => [name, '']));
  const before = open.log().length;
  const { exitCode, stdout, stderr } = await azlin(fleet, ['list', '--no-sessions', '--refresh'], {
    environment: { ...freshHome(fleet, '[azure]\ndeadline = "8s"\n'), ...none, ...environment },
  });
  return { exitCode, names: stdout.match(/^[a-z]+/gm) ?? [], stderr, through: open.log().length > before };
}
const port = () => new URL(fleet.resourceManager.url).port;
const FOUND = { exitCode: 0, names: ['one'], stderr: '' };

describe('requests to Azure go by the proxy that the environment names', () => {
  test.each<[string, () => Record<string, string>, boolean]>([
    ['HTTPS_PROXY', () => ({ HTTPS_PROXY: `http://127.0.0.1:${open.port}` }), true],
    ['https_proxy', () => ({ https_proxy: `http://127.0.0.1:${open.port}/` }), true],
    ['no scheme', () => ({ HTTPS_PROXY: `localhost:${open.port}` }), true],
    ['ALL_PROXY', () => ({ ALL_PROXY: `127.0.0.1:${open.port}` }), true],
    ['all_proxy', () => ({ all_proxy: `http://127.0.0.1:${open.port}` }), true],
    ['small letters count more', () => ({ https_proxy: `localhost:${open.port}`, HTTPS_PROXY: 'localhost:1' }), true],
    ['HTTP_PROXY is for http', () => ({ HTTP_PROXY: 'http://127.0.0.1:1' }), false],
    ['NO_PROXY', () => ({ HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'example.com, 127.0.0.0/8' }), false],
    ['NO_PROXY *', () => ({ HTTPS_PROXY: 'http://127.0.0.1:1', no_proxy: '*' }), false],
    ['NO_PROXY with the port', () => ({ HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: `127.0.0.1:${port()}` }), false],
    ['another port', () => ({ HTTPS_PROXY: `localhost:${open.port}`, NO_PROXY: '127.0.0.1:1' }), true],
  ])('%s', async (_, environment, through) => {
    expect(await list(environment())).toEqual({ ...FOUND, through });
  });

  test.each(['socks5h', 'socks5', 'socks'])('%s', async (scheme) => {
    const before = socks.log().length;
    expect(await list({ ALL_PROXY: `${scheme}://127.0.0.1:${socks.port}` })).toEqual({ ...FOUND, through: false });
    expect(socks.log().slice(before)).toContain('forwarding to socks port');
  });

  test('one that asks for a password gets it; without one, or with another, that is said, and no password is', async () => {
    const at = `127.0.0.1:${locked.port}`;
    expect(await list({ HTTPS_PROXY: `http://carol:s3cret-word@${at}` })).toMatchObject(FOUND);
    const without = await list({ HTTPS_PROXY: at });
    expect(without).toMatchObject({ exitCode: 7, names: [] });
    expect(without.stderr).toMatch(
      new RegExp(
        `the proxy http://${at} \\(set by HTTPS_PROXY\\) asks for a user name and a password\nhint: HTTPS_PROXY=http://USER:PASSWORD@${at}`,
      ),
    );
    const wrong = await list({ HTTPS_PROXY: `http://carol:another-word@${at}` });
    expect(wrong.stderr).toContain('rejected the user name or the password');
    expect(wrong.stderr).not.toContain('another-word');
  });

  test.each([
    ['100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['103 Early Hints', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['203', ''],
  ])('one that answers instead of Azure is not believed: %s', async (_, first) => {
    const body = JSON.stringify({ value: [] });
    const forged = `HTTP/1.1 203 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const liar = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(first + forged));
    });
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const { port: at } = liar.address() as { port: number };
    const { exitCode, stderr } = await list({ HTTPS_PROXY: `127.0.0.1:${at}` });
    liar.close();
    expect(exitCode).toBe(7);
    expect(stderr).toMatch(
      /the proxy http:\S+ \(set by HTTPS_PROXY\) refused the connection: HTTP status (?:100|103|203)/,
    );
  });

  test('one that is not there is named', async () => {
    const { exitCode, stderr } = await list({ https_proxy: 'http://127.0.0.1:1' });
    expect(exitCode).toBe(7);
    expect(stderr).toMatch(/the proxy http:\/\/127\.0\.0\.1:1 \(set by https_proxy\) failed: connect ECONNREFUSED/);
  });

  test.each([
    ['HTTPS_PROXY', 'ftp://127.0.0.1:21', '"ftp://127.0.0.1:21"'],
    ['https_proxy', 'http://localhost:99999', '"http://localhost:99999"'],
    ['ALL_PROXY', 'http://', '"http://"'],
    ['HTTPS_PROXY', 'gopher://carol:s3cret-word@h', '"gopher://***@h"'],
    ['HTTPS_PROXY', 'http://carol:s3cret-word@h:x', '"http://***@h:x"'],
  ])('a wrong value is named: %s=%s', async (variable, value, shown) => {
    const { exitCode, stderr } = await list({ [variable]: value });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      `error: ${variable} is not the address of a proxy: ${shown}\nhint: for example ${variable}=`,
    );
    expect(stderr).not.toContain('s3cret');
  });
});

describe("a company's own authority", () => {
  const authority = () => fleet.environment['NODE_EXTRA_CA_CERTS'] ?? '';

  test.each(['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])('%s', async (variable) => {
    const others = { NODE_EXTRA_CA_CERTS: '', SSL_CERT_FILE: '' };
    expect(await list({ ...others, [variable]: authority() })).toEqual({ ...FOUND, through: false });
    const through = { HTTPS_PROXY: `localhost:${open.port}` };
    expect(await list({ ...others, ...through, [variable]: authority() })).toEqual({ ...FOUND, through: true });
  });

  test('without it, the certificate is the reason, and what to do is said', async () => {
    const { exitCode, stderr } = await list({ NODE_EXTRA_CA_CERTS: '', HTTPS_PROXY: `localhost:${open.port}` });
    expect(exitCode).toBe(7);
    expect(stderr).toMatch(/certificate[\s\S]*hint: .*NODE_EXTRA_CA_CERTS/);
  });

  test('a file that holds none, or that is not there, is an error that names the variable', async () => {
    const file = join(fleet.directory, 'none.pem');
    writeFileSync(file, 'no certificate\n');
    expect((await list({ SSL_CERT_FILE: file })).stderr).toContain(
      `There is no certificate in ${file} (set by SSL_CERT_FILE)`,
    );
    rmSync(file);
    expect(await list({ SSL_CERT_FILE: file })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`Cannot read the certificates in ${file} (set by SSL_CERT_FILE):`),
    });
  });
});
