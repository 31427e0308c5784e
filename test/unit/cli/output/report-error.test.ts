import { describe, expect, test } from '@jest/globals';
import { hintInScope } from '../../../../src/cli/output/report-error.ts';

describe('a hint in its scope', () => {
  const verbs = ['list', 'stop', 'connect'];
  const words = ['--subscription', "'a b'", '-g', 'rg'];

  test.each([
    ['azlin stop web --yes', "azlin stop --subscription 'a b' -g rg web --yes"],
    ['azlin list shows what there is', "azlin list --subscription 'a b' -g rg shows what there is"],
    ['add a key; azlin connect x', "add a key; azlin connect --subscription 'a b' -g rg x"],
    ['azlin list', "azlin list --subscription 'a b' -g rg"],
    ['azlin list --help   shows what there is', 'azlin list --help   shows what there is'],
    ['azlin uses modern algorithms only', 'azlin uses modern algorithms only'],
    ['azlin demo needs no Azure', 'azlin demo needs no Azure'],
    ['az login', 'az login'],
  ])('%s', (hint, expected) => {
    expect(hintInScope(hint, { verbs, words })).toBe(expected);
    expect(hintInScope(hint, { verbs, words: [] })).toBe(hint);
  });
});
