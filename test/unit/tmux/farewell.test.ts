import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { farewell } from '../../../src/tmux/farewell.ts';

const KEY = 'aab1aab2';

/** What comes through, and how it ended. */
async function through(pieces: readonly string[]) {
  const { stream, end } = farewell(KEY);
  for (const piece of pieces) stream.write(piece);
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { output: Buffer.concat(chunks).toString(), end: end('vm') };
}

describe('the farewell of a client', () => {
  test('is taken off, wherever the pieces begin and end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', 'b', '1', '2', '\n'), maxLength: 40 }),
        fc.array(fc.nat(60)),
        async (output, cuts) => {
          fc.pre(!`${output}${KEY}`.slice(0, -1).includes(KEY));
          const all = `${output}\u0001${KEY}[exited]\r\n`;
          const at = [0, ...cuts.map((cut) => cut % all.length).sort((a, b) => a - b), all.length];
          const pieces = at.slice(1).map((to, index) => all.slice(at[index], to));
          expect(await through(pieces)).toEqual({ output, end: { kind: 'ended' } });
        },
      ),
    );
  });

  test('output that ends like the beginning of the key comes through when there is none', async () => {
    expect(await through(['one \u0001aab1', 'aab', '\u0001aa'])).toEqual({
      output: 'one \u0001aab1aab\u0001aa',
      end: undefined,
    });
  });

  test('nothing that is typed is held back', () => {
    const { stream } = farewell(KEY);
    stream.write('aab1');
    expect(String(stream.read())).toBe('aab1');
  });

  test.each([
    ['[detached (from session dev)]', { kind: 'detached' }],
    ['[detached]', { kind: 'detached' }],
    ['[detached and SIGHUP (from session dev)]', { kind: 'detached' }],
    ['[detached by bob@laptop]', { kind: 'detached', by: 'bob@laptop' }],
    ["[detached by Ann's ] box]", { kind: 'detached', by: "Ann's ] box" }],
    ['[ended by \u001b[31mbob]', { kind: 'ended', by: 'bob' }],
    ['[exited]', { kind: 'ended' }],
    ['[server exited]', { kind: 'ended' }],
  ])('%j', async (said, expected) => {
    expect((await through([`\u0001${KEY}`, said, '\r\n'])).end).toEqual(expected);
  });

  test('a server that is gone is called so', async () => {
    const { end } = await through([`\u0001${KEY}[server exited unexpectedly]`]);
    expect(end).toMatchObject({
      kind: 'failed',
      cause: { message: 'The tmux server on "vm" has ended, and every session with it' },
    });
  });

  test.each(['[lost tty]', "can't find session: $3", ''])('%j is a failure that says so', async (said) => {
    const { end } = await through([`screen\u0001${KEY}${said}`]);
    expect(end).toMatchObject({ kind: 'failed', cause: { code: 'tmux-failed' } });
    expect(end?.kind === 'failed' && end.cause.message).toContain(said || 'ended without a message');
  });
});
