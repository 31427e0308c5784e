import { describe, expect, test } from '@jest/globals';
import { durableOf, variablesOf } from '../../../../src/cli/line/exec-options.ts';
import type { Config } from '../../../../src/settings/config.ts';

const config = (durable: Config['durable'], source: 'flag' | 'default' = 'default') => ({
  durable,
  disconnectGrace: 90_000,
  sources: { durable: source } as Config['sources'],
});

describe('whether a command becomes a job', () => {
  const job = { job: undefined, detach: false, grace: undefined, endsWithUs: false };

  test.each([
    ['auto', {}, {}, undefined],
    ['auto', {}, { CI: 'true' }, job],
    ['auto', {}, { CI: '1' }, job],
    ['auto', {}, { CI: 'false' }, undefined],
    ['auto', {}, { CI: '' }, undefined],
    // A job begins when all of its input has come.
    ['auto', { stdin: true }, { CI: 'true' }, undefined],
    ['always', { stdin: true }, {}, job],
    ['always', {}, {}, job],
    ['never', {}, { CI: 'true' }, undefined],
    ['never', { job: 'v1' }, {}, { ...job, job: 'v1' }],
    ['auto', { detach: true }, {}, { ...job, detach: true }],
    ['auto', { 'on-disconnect': 'keep' }, {}, job],
    ['auto', { 'on-disconnect': 'cancel' }, {}, { ...job, grace: 90_000, endsWithUs: true }],
    ['auto', { 'on-disconnect': 'cancel', 'on-interrupt': 'keep' }, {}, { ...job, grace: 90_000 }],
    ['auto', { 'on-interrupt': 'cancel' }, {}, { ...job, endsWithUs: true }],
  ] as const)('%s %j %j', (durable, args, environment, expected) => {
    expect(durableOf(args, config(durable), environment)).toEqual(expected);
  });

  test.each([
    [{ job: 'v1' }, '--job only works with jobs'],
    [{ detach: true }, '--detach only works with jobs'],
    [{ 'on-disconnect': 'cancel' }, '--on-disconnect only works with jobs'],
    [{ 'on-interrupt': 'cancel' }, '--on-interrupt only works with jobs'],
  ])('%j and --direct contradict each other', (args, message) => {
    expect(() => durableOf(args, config('never', 'flag'), {})).toThrow(message);
  });

  test('nobody is there to be gone with --detach', () => {
    expect(() => durableOf({ detach: true, 'on-disconnect': 'cancel' }, config('auto'), {})).toThrow(
      '--detach leaves the job running',
    );
  });
});

describe('--env', () => {
  test('takes values as they are, or from here', () => {
    expect(variablesOf(['A=b=c', 'EMPTY=', 'HERE'], { HERE: 'x\ny' })).toEqual([
      { name: 'A', value: 'b=c' },
      { name: 'EMPTY', value: '' },
      { name: 'HERE', value: 'x\ny' },
    ]);
  });

  test('an error never holds a value', () => {
    for (const text of ['1x=secret', 'a b=secret', '=secret', 'azlin_x=secret', 'x;y=secret'])
      expect(() => variablesOf([text], {})).toThrow(expect.not.stringContaining('secret'));
    expect(() => variablesOf(['NOSUCH'], {})).toThrow('the variable is not set');
  });
});
