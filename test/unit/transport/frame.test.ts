import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { unframe } from '../../../src/transport/frame.ts';

const NONCE = '0123456789abcdef0123456789abcdef';

function through(chunks: readonly Buffer[]) {
  const { stream, begun, noise } = unframe(NONCE);
  const out: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => out.push(chunk));
  for (const chunk of chunks) stream.write(chunk);
  return { text: () => Buffer.concat(out).toString('latin1'), begun, noise };
}

/** The bytes, cut at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...places.map((place) => place % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe('unframe', () => {
  test('drops what comes before the frame and nothing after it, however the bytes arrive', () => {
    const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(
        anything,
        anything,
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.constantFrom('\n', '\r\n'),
        (before, after, places, end) => {
          const bytes = Buffer.concat([before, Buffer.from(`\n${NONCE}${end}`), after]);
          const { text, begun } = through(cut(bytes, places));
          expect({ text: text(), begun: begun() }).toEqual({ text: after.toString('latin1'), begun: true });
        },
      ),
    );
  });

  test.each([
    ['in the middle of a line', `echo ${NONCE}\n`],
    ['at the end of a long line', `${'x'.repeat(NONCE.length + 2)}${NONCE}\n`],
    ['with more behind it', `${NONCE} ok\n`],
    ['echoed by a shell that traces', `+ printf '\\n%s\\n' ${NONCE}\n`],
    ['cut short', `${NONCE.slice(1)}\n`],
  ])('the word %s is no frame', (_what, before) => {
    const { text, begun } = through([Buffer.from(before)]);
    expect({ text: text(), begun: begun() }).toEqual({ text: '', begun: false });
    const bytes = Buffer.from(before);
    for (let at = 1; at < bytes.length; at++)
      expect(through([bytes.subarray(0, at), bytes.subarray(at)]).begun()).toBe(false);
    const both = through([Buffer.from(`${before}\n${NONCE}\nours`)]);
    expect({ text: both.text(), noise: both.noise() }).toEqual({ text: 'ours', noise: before.trim() });
  });

  test('a script that asks whether it is heard is answered, and the question is no noise', () => {
    let answers = 0;
    const { stream, noise } = unframe(NONCE, () => answers++);
    stream.resume();
    stream.write(`hello\n${NONCE}?\nx${NONCE}?\n${NONCE}\n${NONCE}?\n`);
    expect({ answers, noise: noise() }).toEqual({ answers: 1, noise: `hello\nx${NONCE}?` });
  });

  test('counts once', () => {
    expect(through([Buffer.from(`${NONCE}\na\n${NONCE}\nb`)]).text()).toBe(`a\n${NONCE}\nb`);
  });

  test('keeps the end of the noise, for the message when no frame comes', () => {
    const { text, begun, noise } = through([Buffer.from('x'.repeat(10_000)), Buffer.from('This account is closed\n')]);
    expect({ text: text(), begun: begun(), length: noise().length < 3_000, end: noise().slice(-22) }).toEqual({
      text: '',
      begun: false,
      length: true,
      end: 'This account is closed',
    });
  });
});
