/** What somebody typed: keys for the far side, or a command for azlin. */
export type TypedKeys =
  | { readonly kind: 'keys'; readonly bytes: Uint8Array }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'help' };

export const ESCAPE_HELP = '~.  disconnect    ~~  send a tilde    ~?  this help    (each after Enter)';

const CR = 0x0d;
const LF = 0x0a;
const TILDE = 0x7e;
const DOT = 0x2e;
const QUESTION_MARK = 0x3f;

/** More bytes than this in one piece were pasted, not typed. */
const PASTE = 8;
const PASTE_BEGINS = '\u001b[200~';
const PASTE_ENDS = '\u001b[201~';

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with a control character
const REPORTS = /^(?:\u001b\[(?:[IO]|<\d+;\d+;\d+[Mm]|M[\s\S]{3}))+$/;

/** Whether the terminal sent this by itself: where the mouse is, or that its window got or lost the focus. */
export function isReport(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1b && REPORTS.test(Buffer.from(bytes).toString('latin1'));
}

/**
 * Takes escapes out of what is typed, as ssh does: `~` at the beginning of a line and then `.`, `?` or another `~`. Unlike in ssh, pasted text is never
 * taken for one: pieces longer than anybody types, and what is between the marks of a bracketed paste.
 */
export function escapeReader(): (chunk: Uint8Array) => readonly TypedKeys[] {
  let isLineStart = true;
  let isHeld = false;
  let isPaste = false;
  /** The last bytes, to recognize marks that come in pieces. */
  let tail = '';

  const follow = (text: string) => {
    const seen = tail + text;
    const begins = seen.lastIndexOf(PASTE_BEGINS);
    const ends = seen.lastIndexOf(PASTE_ENDS);
    if (begins !== ends) isPaste = begins > ends;
    tail = seen.slice(-(PASTE_BEGINS.length - 1));
  };
  const whole = (chunk: Uint8Array): readonly TypedKeys[] => {
    const bytes = isHeld ? Buffer.concat([Buffer.from('~'), chunk]) : chunk;
    isHeld = false;
    follow(Buffer.from(chunk).toString('latin1'));
    const last = chunk.at(-1);
    isLineStart = !isPaste && (last === CR || last === LF);
    return [{ kind: 'keys', bytes }];
  };

  return (chunk) => {
    if (isReport(chunk)) return [{ kind: 'keys', bytes: chunk }];
    if (chunk.length > PASTE) return whole(chunk);
    const typed: TypedKeys[] = [];
    const keys: number[] = [];
    const flush = () => {
      if (keys.length > 0) typed.push({ kind: 'keys', bytes: Uint8Array.from(keys.splice(0)) });
    };
    for (const byte of chunk) {
      follow(String.fromCharCode(byte));
      if (isHeld) {
        isHeld = false;
        isLineStart = false;
        if (byte === DOT || byte === QUESTION_MARK) {
          flush();
          typed.push({ kind: byte === DOT ? 'disconnect' : 'help' });
          isLineStart = true;
          continue;
        }
        keys.push(TILDE);
        if (byte === TILDE) continue;
      } else if (byte === TILDE && isLineStart && !isPaste) {
        isHeld = true;
        continue;
      }
      keys.push(byte);
      isLineStart = byte === CR || byte === LF;
    }
    flush();
    return typed;
  };
}
