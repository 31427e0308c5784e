import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { escapeReader, isReport } from '../../../src/terminal/escapes.ts';

/** What a reader makes of pieces: keys as text, escapes in brackets. */
function typed(...pieces: readonly string[]): string {
  const read = escapeReader();
  return pieces
    .flatMap((piece) => read(Buffer.from(piece, 'latin1')))
    .map((one) => (one.kind === 'keys' ? Buffer.from(one.bytes).toString('latin1') : `<${one.kind}>`))
    .join('');
}

describe('escapes', () => {
  test.each([
    // At the beginning of a line, and the very first thing.
    [['~.'], '<disconnect>'],
    [['~', '.'], '<disconnect>'],
    [['ls\r', '~', '?'], 'ls\r<help>'],
    [['\r~~'], '\r~'],
    [['\n~.'], '\n<disconnect>'],
    // After an escape, and after help, a line begins.
    [['~?', '~.'], '<help><disconnect>'],
    // Anywhere else a tilde is a tilde.
    [['cd ~', '.'], 'cd ~.'],
    [['\r~x'], '\r~x'],
    [['\r~~', '.'], '\r~.'],
    [['\r~', '\r', '~.'], '\r~\r<disconnect>'],
    // What the terminal says by itself is no key.
    [['\r', '\u001b[I', '\u001b[<35;10;2M', '~', '.'], '\r\u001b[I\u001b[<35;10;2M<disconnect>'],
    [['\r', '~', '\u001b[O', '.'], '\r\u001b[O<disconnect>'],
  ])('%j is %j', (pieces, expected) => {
    expect(typed(...pieces)).toBe(expected);
  });

  test('nothing that is pasted is one', () => {
    const text = 'first line of a longer paste\r~.\r~?\r~~\r';
    expect(typed(text)).toBe(text);
    expect(typed('\u001b[200~', '\r~.', '\r~?', '\u001b[201~')).toBe('\u001b[200~\r~.\r~?\u001b[201~');
    // The marks may come in pieces.
    expect(typed('\u001b[2', '00~a\r', '~.', '\u001b[20', '1~')).toBe('\u001b[200~a\r~.\u001b[201~');
    // And a paste that begins with a long piece ends with a short one.
    expect(typed(`\u001b[200~${'x'.repeat(50)}\r`, '~.', '\u001b[201~')).toBe(
      `\u001b[200~${'x'.repeat(50)}\r~.\u001b[201~`,
    );
  });

  test('after a paste they are escapes again', () => {
    expect(typed('\u001b[200~a\u001b[201~', '\r', '~.')).toBe('\u001b[200~a\u001b[201~\r<disconnect>');
    expect(typed(`${'x'.repeat(50)}\r`, '~.')).toBe(`${'x'.repeat(50)}\r<disconnect>`);
    // Its end, like anything but Enter, is no beginning of a line.
    expect(typed('\r', '\u001b[200~a\r\u001b[201~', '~.')).toBe('\r\u001b[200~a\r\u001b[201~~.');
  });

  test('a tilde that was held comes before a paste', () => {
    expect(typed('\r~', 'y'.repeat(40))).toBe(`\r~${'y'.repeat(40)}`);
  });

  test('whatever comes in whatever pieces, every byte but the escapes comes out, in order', () => {
    const piece = fc.oneof(
      fc.constantFrom('\r', '~', '.', '?', '~~', '\u001b[200~', '\u001b[201~', '\u001b[I', 'a'.repeat(40)),
      fc.string({ maxLength: 6, unit: 'binary-ascii' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const all = pieces.join('');
        const out = typed(...pieces, 'z')
          .replaceAll('<disconnect>', '')
          .replaceAll('<help>', '');
        let at = 0;
        for (const letter of out) at = `${all}z`.indexOf(letter, at) + 1 || Number.NaN;
        expect(at).toBe(all.length + 1);
        if (!all.includes('~')) expect(out).toBe(`${all}z`);
      }),
    );
  });
});

describe('isReport', () => {
  test.each(['\u001b[I', '\u001b[O', '\u001b[<0;1;1M\u001b[<0;1;1m', '\u001b[M !!'])('%j is one', (text) => {
    expect(isReport(Buffer.from(text, 'latin1'))).toBe(true);
  });
  test.each(['\u001b[A', '\u001bOP', 'x', '', '\u001b[Ix', '\u001b'])('%j is a key', (text) => {
    expect(isReport(Buffer.from(text, 'latin1'))).toBe(false);
  });
});
