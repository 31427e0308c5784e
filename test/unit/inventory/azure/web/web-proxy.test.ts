import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { isExempt, proxyFor } from '../../../../../src/inventory/azure/web/web-proxy.ts';
import { random } from '../../../../support/random.ts';

const target = new URL('https://management.azure.com/subscriptions');

describe('proxyFor', () => {
  test.each<[Record<string, string>, string | undefined]>([
    [{}, undefined],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'http://proxy:3128'],
    [{ https_proxy: '', HTTPS_PROXY: 'proxy:3128' }, 'http://proxy:3128'],
    [{ HTTPS_PROXY: 'https://u:p@proxy:3128/' }, 'https://proxy:3128'],
    [{ ALL_PROXY: 'socks5h://[::1]:1080' }, 'socks5h://[::1]:1080'],
    [{ all_proxy: 'a:1', HTTPS_PROXY: 'b:2' }, 'http://b:2'],
    [{ HTTP_PROXY: 'proxy:3128', http_proxy: 'proxy:3128' }, undefined],
    [{ HTTPS_PROXY: 'proxy:3128', NO_PROXY: '.azure.com' }, undefined],
    [{ HTTPS_PROXY: 'proxy:3128', no_proxy: 'other', NO_PROXY: '*' }, 'http://proxy:3128'],
  ])('%j: %s', (environment, shown) => expect(proxyFor(target, environment)?.shown).toBe(shown));

  test('what only the machine itself can reach is never asked through a proxy', () => {
    const identity = new URL('http://169.254.169.254/metadata/identity');
    expect(proxyFor(identity, { http_proxy: 'proxy:1', ALL_PROXY: 'proxy:1' })).toBeUndefined();
    const arc = new URL('http://localhost:40342/metadata/identity');
    expect(proxyFor(arc, { http_proxy: 'proxy:1' })).toBeUndefined();
    const app = { http_proxy: 'proxy:1', IDENTITY_ENDPOINT: 'http://127.0.0.1:41741/msi/token/' };
    expect(proxyFor(new URL('http://127.0.0.1:41741/msi/token?resource=x'), app)).toBeUndefined();
    expect(proxyFor(new URL('http://127.0.0.1:41742/'), app)).toBeDefined();
  });
});

describe('NO_PROXY', () => {
  test.each([
    ['http://a.example:81', 'a.example:81', true],
    ['http://a.example:81', 'a.example:80', false],
    ['https://a.example', '.example:443', true],
    ['https://a.example', '*.example', true],
    ['https://a.example', 'b.example, *', true],
    ['https://[fd00::1]', 'fd00::/8', true],
    ['https://[fd00::1]', '[fd00::1]', true],
    ['https://[fd00::1]:8443', '[fd00::1]:8443', true],
    ['https://[fd00::1]:8443', '[fd00::1]:443', false],
    ['https://[fe00::1]', 'fd00::/8', false],
    ['https://10.1.2.3', '10.0.0.0/8:443', true],
    ['https://10.1.2.3', '10.0.0.0/99', false],
    ['https://10.1.2.3', '10.0.0.0/-1', false],
    ['https://10.1.2.3', '2.3', false],
  ])('%s, %s: %s', (url, list, expected) => expect(isExempt(new URL(url), list)).toBe(expected));

  /** Where curl goes, in a network of its own in which nothing can be reached. */
  const goesDirect = (url: string, list: string): boolean => {
    const environment = { PATH: process.env['PATH'], http_proxy: 'http://127.0.0.1:9', no_proxy: list };
    const { stderr } = spawnSync('unshare', ['-n', 'curl', '-sv', '--max-time', '5', url], {
      env: environment,
      encoding: 'utf8',
    });
    if (!/Trying|Could not resolve/.test(stderr)) throw new Error(`curl ${url} with no_proxy=${list} said ${stderr}`);
    return !stderr.includes('Trying 127.0.0.1:9');
  };
  const hasCurl = spawnSync('unshare', ['-n', 'curl', '--version']).status === 0;

  (hasCurl ? test : test.skip)(
    'as curl reads it',
    () => {
      const next = random(5);
      const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
      const hosts = [
        'a.example',
        'b.a.example',
        'xa.example',
        'A.Example',
        'a.example.',
        '10.1.2.3',
        '10.9.2.3',
        '192.168.7.1',
      ];
      const words = [
        ...[
          'a.example',
          '.a.example',
          'example',
          '.example',
          'A.EXAMPLE',
          'a.example.',
          'xample',
          'example.org',
          '..example',
        ],
        ...[
          '10.1.2.3',
          '10.0.0.0/8',
          '10.1.0.0/16',
          '10.1.2.3/32',
          '10.1.2.2/31',
          '192.168.0.0/21',
          '0.0.0.0/1',
          '10.1.2',
          '.3',
        ],
      ];
      const cases = Array.from({ length: 120 }, () => {
        const list = Array.from({ length: 1 + Math.floor(next() * 3) }, () => one(words)).join(one([',', ', ', ' ']));
        return { url: `http://${one(hosts)}/`, list };
      });
      const ours = cases.map((one) => ({ ...one, direct: isExempt(new URL(one.url), one.list) }));
      expect(ours).toEqual(cases.map((one) => ({ ...one, direct: goesDirect(one.url, one.list) })));
      expect(new Set(ours.map(({ direct }) => direct)).size).toBe(2);
    },
    60_000,
  );
});
