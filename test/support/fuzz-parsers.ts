import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { variablesIn } from '../../src/cli/line/env-file.ts';
import { AppError } from '../../src/domain/errors.ts';
import { isExempt, proxyFor } from '../../src/inventory/azure/web/web-proxy.ts';
import { withKey, withoutKey } from '../../src/settings/settings-lines.ts';
import { readSshConfig } from '../../src/transport/ssh-config/ssh-config.ts';
import { random } from './random.ts';

/*
 * Feeds parsers of what people write by hand with nonsense from a seeded generator. Each case must quickly give a value or an AppError, and what is a value
 * must stay one when it is read again.
 */

export interface ParserReport {
  readonly cases: number;
  /** What must never happen, with the number of its case. */
  readonly bad: readonly string[];
  /** Milliseconds of the case that took longest. */
  readonly longest: number;
}

const PIECES = [
  ...[
    'Host',
    'HostName',
    'User',
    'Match',
    'Include',
    'SendEnv',
    'IdentityFile',
    'NAME',
    'END',
    'A_1',
    'ssh.user',
    '[ssh]',
  ],
  ...[
    '"',
    "'",
    '\\',
    '\\ ',
    '#',
    '=',
    ' = ',
    ' ',
    '\t',
    '\f',
    '\r',
    '\n',
    '\r\n',
    '\u0000',
    '<<',
    '-',
    '*',
    '!',
    ',',
    ':',
    '/',
    '[',
    ']',
    '{',
    '}',
  ],
  ...[
    '%%',
    '%h',
    '%',
    '@',
    '.',
    '..',
    '*.',
    '10.0.0.0/8',
    '10.0.0.1',
    'fd00::/8',
    '[::1]:8',
    ':443',
    '/33',
    '/-1',
    'http://',
    'socks5h://',
    '99999',
  ],
  ...['ü', '東', '\ufeff', '\ud800', 'x'.repeat(300), '\u202e', '"""', "'''", '0x', 'true', '1e9', 'null'],
];

export async function fuzzParsers(cases: number, seed: number): Promise<ParserReport> {
  const next = random(seed);
  const directory = mkdtempSync('/tmp/azlin-fuzz-');
  const file = join(directory, 'variables');
  const bad: string[] = [];
  let longest = 0;
  const text = (most: number) =>
    Array.from({ length: Math.floor(next() * most) }, () => PIECES[Math.floor(next() * PIECES.length)]).join('');
  try {
    for (let at = 0; at < cases; at++) {
      const [one, other] = [text(12), text(30)];
      const started = performance.now();
      try {
        switch (at % 5) {
          case 0:
            writeFileSync(file, other);
            await readSshConfig({ named: file, home: directory });
            break;
          case 1:
            isExempt(new URL(at % 2 ? 'https://a.example:8443' : 'http://10.0.0.1'), other);
            break;
          case 2:
            proxyFor(new URL('https://management.azure.com'), { HTTPS_PROXY: one, NO_PROXY: other });
            break;
          case 3: {
            writeFileSync(file, other);
            for (const { name } of await variablesIn(file))
              if (!/^[A-Za-z_]\w*$/.test(name)) bad.push(`${at}: ${name}`);
            break;
          }
          default: {
            const changed = withKey(other, ['ssh', 'user'], '"x"');
            if (changed !== undefined && !changed.includes('"x"')) bad.push(`${at}: the value is not there`);
            withoutKey(other, 'ssh.user', () => true);
          }
        }
      } catch (error) {
        if (!(error instanceof AppError) || error.code === 'bug')
          bad.push(`${at}: ${error instanceof Error ? error.stack : error} ${JSON.stringify([one, other])}`);
      }
      longest = Math.max(longest, performance.now() - started);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { cases, bad, longest };
}
