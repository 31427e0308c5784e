import { describe, expect, test } from '@jest/globals';
import { jobNameFor } from '../../../../src/cli/exec/job-name.ts';
import { styleFor } from '../../../../src/cli/output/style.ts';
import { groupsText } from '../../../../src/cli/views/groups.ts';
import { exitCodeOfAll, outputFields, summaryOf } from '../../../../src/cli/views/many.ts';
import { sortedRows } from '../../../../src/cli/views/sort-sessions.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { SessionRow } from '../../../../src/domain/session.ts';
import { colouredLine } from '../../../../src/domain/text.ts';
import { fileName, lineSink, memorySink } from '../../../../src/operations/many/output-sinks.ts';
import type { TargetOutcome, TargetResult } from '../../../../src/operations/many/target-result.ts';

const result = (target: string, outcome: TargetOutcome, fields: Partial<TargetResult> = {}): TargetResult => {
  const [hostname = '', session = ''] = target.split(':');
  const facts = { durationMs: 5, attempts: 1, jobId: null, isFound: false };
  return { target, identifier: target, hostname, session, outcome, ...facts, ...fields };
};
const ended = (target: string, code: number) => result(target, { kind: 'exited', code });
const refused = new AppError('unreachable', 'Cannot connect to "c"\n  nobody listens', { hint: 'azlin doctor c' });
const skipped = (code: 'interrupted' | 'timed-out') =>
  ({ kind: 'skipped', cause: new AppError(code, 'skipped: x') }) as const;

describe('one exit status for many', () => {
  const good = ended('a:s', 0);
  const three = ended('b:s', 3);
  const away = result('c:s', { kind: 'not-started', cause: refused });
  test.each([
    ['worst', [good, good], 0],
    ['worst', [good, three], 3],
    ['worst', [good, three, away], 255],
    ['worst', [good, result('d:s', { kind: 'signaled', signal: 'TERM' })], 143],
    ['worst', [good, result('d:s', { kind: 'timed-out' })], 124],
    ['worst', [three, result('d:s', skipped('interrupted'))], 3],
    ['worst', [good, result('d:s', skipped('timed-out'))], 124],
    ['any', [good, three], 0],
    ['any', [three, away], 255],
    ['all', [good, good], 0],
    ['all', [good, three], 1],
    ['all', [good, result('d:s', skipped('interrupted'))], 1],
  ] as const)('%s %#', (policy, results, expected) => expect(exitCodeOfAll(results, policy)).toBe(expected));
});

test('the summary: failures with their reasons, equal ones together, what was not begun last', () => {
  const results = [
    ended('a-1:s', 0),
    ended('a-2:s', 3),
    ended('a-3:s', 3),
    result('b:s', skipped('interrupted')),
    result('c:s', { kind: 'not-started', cause: refused }, { attempts: 3 }),
    result('d:s', { kind: 'timed-out', after: 60_000 }, { durationMs: 61_000 }),
  ];
  expect(summaryOf(results, 62_000, (target) => (target.startsWith('a') ? 'no such file' : ''))).toEqual({
    text: '1 of 6 done, 4 failed, 1 skipped in 62 s; longest: d:s, 61 s',
    failures: [
      'a-[2-3]:s (2): exit 3: no such file',
      'c:s: Cannot connect to "c"; nobody listens (3 attempts)',
      'd:s: timed out after 60 s',
      'b:s: skipped: x',
    ],
    hints: ['azlin doctor c'],
  });
});

describe('output', () => {
  const warn = () => {};
  const written = () => {
    const said: string[] = [];
    const print = (to: string, data: string | Uint8Array) => {
      said.push(`${to}:${Buffer.from(data).toString('latin1')}`);
      return undefined;
    };
    return { said, print };
  };

  test('only whole lines are printed, each after the name of its target', async () => {
    const { said, print } = written();
    const sink = lineSink({ print, prefixOf: (target) => `${target} | `, isTerminal: () => false, warn });
    sink.write('a', 'stdout', Buffer.from('one\ntw'));
    sink.write('b', 'stdout', Buffer.from('other\n'));
    sink.write('a', 'stdout', Buffer.from('o\n\nthr'));
    sink.write('a', 'stderr', Buffer.from('\u001b[31mred\u0007'));
    await sink.end(ended('a', 0));
    expect(said).toEqual([
      'stdout:a | one\n',
      'stdout:b | other\n',
      'stdout:a | two\na | \n',
      'stdout:a | thr\n',
      'stderr:a | \u001b[31mred\u0007\n',
    ]);
  });

  test('where lines without an end take too much memory, the longest one comes in pieces', () => {
    const { said, print } = written();
    const warnings: string[] = [];
    const warn = (line: string) => void warnings.push(line);
    const sink = lineSink({ print, prefixOf: (name) => `${name} | `, isTerminal: () => false, warn, mostHeld: 100 });
    sink.write('short', 'stdout', Buffer.from('not '));
    for (let n = 0; n < 5; n++) sink.write('long', 'stdout', Buffer.alloc(60, 'x'));
    sink.write('short', 'stdout', Buffer.from('over\n'));
    const piece = `stdout:long | ${'x'.repeat(120)}\n`;
    expect(said).toEqual([piece, piece, 'stdout:short | not over\n']);
    expect(warnings).toEqual(['long: a line is too long to keep in memory and is printed in pieces']);
  });

  test('a long line is whole', async () => {
    const { said, print } = written();
    const sink = lineSink({ print, prefixOf: () => '', isTerminal: () => false, warn });
    for (let n = 0; n < 100; n++) sink.write('a', 'stdout', Buffer.alloc(64 * 1024, 'x'));
    await sink.end(ended('a', 0));
    expect(said.map((line) => line.length)).toEqual(['stdout:\n'.length + 100 * 64 * 1024]);
  });

  test.each([
    ['plain\ttext', 'plain\ttext'],
    ['\u001b[31mred', '\u001b[31mred\u001b[0m'],
    ['\u001b[2J\u001b]0;title\u0007\u001b[31mred\u001b[0m', '\u001b[31mred\u001b[0m\u001b[0m'],
    ['10%\r50%\r100%\r', '100%'],
    ['a\u0008b\u202ec', 'abc'],
  ])('on a terminal %j is %j', (line, expected) => expect(colouredLine(line)).toBe(expected));

  test('what is kept has a limit, and says so; what is no text is Base64', () => {
    const sink = memorySink();
    for (let n = 0; n < 9; n++) sink.write('a', 'stdout', Buffer.alloc(1024 * 1024, 'x'));
    expect(sink.taken('a')).toMatchObject({ isCut: true, stdout: { length: 8 * 1024 * 1024 } });
    expect(sink.taken('a').stdout).toHaveLength(0);
    const bytes = { stdout: Buffer.of(0xff, 0x00), stderr: Buffer.from('é'), isCut: false };
    expect(outputFields(bytes)).toEqual({ stdout: '/wA=', stderr: 'w6k=', encoding: 'base64', truncated: false });
    expect(outputFields({ ...bytes, isCut: true })).toMatchObject({ encoding: 'base64' });
    expect(
      outputFields({ stdout: Buffer.from('é').subarray(0, 1), stderr: Buffer.alloc(0), isCut: true }),
    ).toMatchObject({ encoding: 'utf8' });
    expect(outputFields({ ...bytes, stdout: Buffer.from('a\n') })).toMatchObject({
      stdout: 'a\n',
      stderr: 'é',
      encoding: 'utf8',
    });
  });

  test('files have names that every store takes and that tell the target', () => {
    expect(['web-1:main', 'rg/vm:a b*', '[2001:db8::4]:x', 'u@vm:é', 'vm', 'db:p[1]'].map(fileName)).toEqual([
      'web-1+main',
      'rg%2Fvm+a%20b%2a',
      '%5B2001%3Adb8%3A%3A4%5D+x',
      'u%40vm+%C3%A9',
      'vm',
      'db+p%5B1%5D',
    ]);
    expect(fileName(`vm:${'日'.repeat(64)}`).length).toBeLessThan(230);
    expect(fileName(`vm:${'日'.repeat(63)}本`)).not.toBe(fileName(`vm:${'日'.repeat(63)}月`));
  });
});

describe('--group', () => {
  const plain = { style: styleFor(false), isTerminal: false };
  const said = (outputs: Readonly<Record<string, string>>) =>
    Object.entries(outputs).map(([target, text]) => ({ target, output: Buffer.from(text) }));

  test('equal output once, the others as what differs', () => {
    const same = 'one\ntwo\nthree\nfour\n';
    const text = groupsText(
      said({ 'w-1:m': same, 'w-2:m': same, 'w-3:m': same.replace('three', 'THREE'), 'w-4:m': '' }),
      plain,
    );
    expect(text).toBe(
      [
        'w-[1-2]:m (2)',
        'one\ntwo\nthree\nfour',
        'w-3:m (1): differs',
        '@@ line 2 @@',
        ' two',
        '-three',
        '+THREE',
        ' four',
        'w-4:m (1): no output\n',
      ].join('\n'),
    );
  });

  test('what has nothing in common is shown as it is; bytes count, not characters', () => {
    expect(groupsText(said({ a: 'x\n', b: 'y\n' }), plain)).toBe('a (1)\nx\nb (1)\ny\n');
    const bytes = [
      { target: 'a', output: Buffer.of(0xff) },
      { target: 'b', output: Buffer.of(0xfe) },
    ];
    expect(groupsText(bytes, plain)).toMatch(/^a \(1\)\n\(1 bytes of binary data\)\nb \(1\)\n/);
    expect(groupsText(said({ a: 'same', b: 'same\n' }), plain)).toBe('a (1)\nsame\nb (1)\nsame\n');
  });

  test('silence is not worth a line', () => expect(groupsText(said({ a: '', b: '' }), plain)).toBe(''));

  test('outputs that differ everywhere do not take for ever', () => {
    const long = (word: string) => Array.from({ length: 20_000 }, (_, n) => `${word} ${n}\n`).join('');
    expect(groupsText(said({ a: long('x'), b: long('y') }), plain)).toMatch(/^b \(1\)\ny 0$/m);
  });
});

test('jobs of several sessions of a VM have names of their own, always the same', () => {
  expect(jobNameFor('v42', 'main')).toBe('v42-main');
  expect(jobNameFor('v42', 'a b')).toMatch(/^v42-[0-9a-f]{10}$/);
  expect(jobNameFor('v42', 'a b')).not.toBe(jobNameFor('v42', 'a c'));
});

test('rows are sorted as one looks for them: names with their numbers, the latest first, what is not known last', () => {
  const row = (hostname: string, fields: Partial<SessionRow> = {}) =>
    ({ hostname, activityAt: null, ...fields }) as SessionRow;
  const hosts = (rows: readonly SessionRow[]) => rows.map(({ hostname }) => hostname);
  expect(hosts(sortedRows([row('w-10'), row('w-9')], 'hostname'))).toEqual(['w-9', 'w-10']);
  const times = [
    row('a'),
    row('b', { activityAt: '2026-01-01T00:00:00Z' }),
    row('c', { activityAt: '2026-01-02T00:00:00Z' }),
  ];
  expect(hosts(sortedRows(times, 'activity'))).toEqual(['c', 'b', 'a']);
  expect(hosts(sortedRows(times, undefined))).toEqual(['a', 'b', 'c']);
});
