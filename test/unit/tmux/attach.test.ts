import { describe, expect, test } from '@jest/globals';
import { attachScript, partingWords } from '../../../src/tmux/attach.ts';

const attach = (session: string, label: string) => {
  const who = { token: 't', label };
  const rest = { create: false, readOnly: false, trueColor: false, again: undefined, key: 'k' };
  const { text } = attachScript({ session, who, independent: true, ...rest });
  return /^azlin_view='(.*)'$/m.exec(text.toString())?.[1] ?? '';
};

describe('attachScript', () => {
  test.each([
    ['dev', 'alice@laptop', 'dev-alice'],
    ['dev', 'Ann (my box)', 'dev-Ann-my-box'],
    ['a#{x}', 'b.c:d', 'a-{x}-b-c-d'],
    ['dev', '@', 'dev-view'],
  ])('the view of %s for %s is called %s', (session, label, expected) => {
    expect(attach(session, label)).toBe(expected);
  });

  test('a view has a name that a session may have, however long', () => {
    expect([...attach('x'.repeat(64), 'y'.repeat(64))].length).toBeLessThanOrEqual(64);
  });
});

test('parting words are one shell word, whatever the label', () => {
  expect(partingWords('detached', "a'; rm -rf / #")).toBe("echo '[detached by a'\\''; rm -rf / #]'");
  expect(partingWords('ended', 'back\\slash!')).toBe("echo '[ended by back_slash_]'");
});
