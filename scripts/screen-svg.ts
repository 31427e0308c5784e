/** What SGR sequences have switched on. */
interface Look {
  readonly bold: boolean;
  readonly dim: boolean;
  readonly reverse: boolean;
  readonly colour: string;
  readonly ground: string | undefined;
}

/** A screen of a terminal with its colours, and how many milliseconds it is shown. */
export interface Frame {
  readonly screen: string;
  /** When it was taken, by `Date.now()`. */
  readonly at: number;
  ms: number;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

const BACKGROUND = '#1e2127';
const PLAIN: Look = { bold: false, dim: false, reverse: false, colour: '#d4d4d4', ground: undefined };
const COLOURS = ['#4b5263', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d4d4d4'];
const WIDTH = 8.4;
const HEIGHT = 18;
const MARGIN = 14;
const BAR = 28;

/** A time during which a row looks like this, in milliseconds. */
interface Shown {
  readonly from: number;
  readonly to: number;
}

/** A recording as a picture that moves in an endless loop. Viewers without animation show the last screen. */
export function recordingSvg(frames: readonly Frame[], { columns, rows }: ScreenSize): string {
  const [width, height] = [Math.ceil(columns * WIDTH) + 2 * MARGIN, rows * HEIGHT + BAR + MARGIN];
  const whole = frames.reduce((sum, { ms }) => sum + ms, 0);
  const looks = new Map<string, Shown[]>();
  let now = 0;
  for (const { screen, ms } of frames) {
    for (const [row, text] of rowsOf(screen).entries()) {
      if (text === '') continue;
      const key = `<g transform="translate(0 ${BAR + row * HEIGHT})">${text}`;
      const times = looks.get(key) ?? [];
      const last = times.at(-1);
      looks.set(
        key,
        last?.to === now ? [...times.slice(0, -1), { ...last, to: now + ms }] : [...times, { from: now, to: now + ms }],
      );
    }
    now += ms;
  }
  const drawn = [...looks].map(([text, times]) => {
    const isLast = times.at(-1)?.to === whole;
    return `${isLast ? text : text.replace('<g ', '<g visibility="hidden" ')}${animation(times, whole)}</g>`;
  });
  const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
    (fill, at) => `<circle cx="${18 + at * 18}" cy="15" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="azlin in a terminal">
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
${dots.join('')}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" style="white-space:pre">
${drawn.join('\n')}
</g>
</svg>
`;
}

function animation(times: readonly Shown[], whole: number): string {
  const changes = [
    { at: 0, is: 'hidden' },
    ...times.flatMap(({ from, to }) => [
      { at: from, is: 'visible' },
      { at: to, is: 'hidden' },
    ]),
  ];
  const kept = changes.filter(({ at }, index) => at < whole && changes[index + 1]?.at !== at);
  if (kept.length === 1) return '';
  const keys = kept.map(({ at }) => (at / whole).toFixed(5)).join(';');
  const values = kept.map(({ is }) => is).join(';');
  return `<animate attributeName="visibility" calcMode="discrete" dur="${(whole / 1_000).toFixed(2)}s" repeatCount="indefinite" keyTimes="${keys}" values="${values}"/>`;
}

/** Each row of a screen as elements; empty where there is nothing to see. */
function rowsOf(screen: string): readonly string[] {
  let look = PLAIN;
  return screen.split('\n').map((line) => {
    const spans: string[] = [];
    let column = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
    for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: see above
      const codes = /^\u001b\[([0-9;]*)m$/.exec(part)?.[1];
      if (codes !== undefined) look = codes.split(';').map(Number).reduce(after, look);
      else {
        spans.push(...span(part, look, column));
        column += [...part].length;
      }
    }
    return spans.join('');
  });
}

function after(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 7) return { ...look, reverse: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 27) return { ...look, reverse: false };
  if (code === 39) return { ...look, colour: PLAIN.colour };
  if (code === 49) return { ...look, ground: undefined };
  if (code >= 40 && code <= 47) return { ...look, ground: COLOURS[code - 40] };
  const colour =
    code >= 30 && code <= 37 ? COLOURS[code - 30] : code >= 90 && code <= 97 ? COLOURS[code - 90] : undefined;
  return colour === undefined ? look : { ...look, colour };
}

/** Each word has its own position and width, because fonts differ in width, and browsers differ in how they treat several spaces. */
function span(text: string, look: Look, column: number): readonly string[] {
  const { bold, dim, reverse } = look;
  const [colour, ground] = reverse ? [look.ground ?? BACKGROUND, look.colour] : [look.colour, look.ground];
  const place = (at: number) => (MARGIN + (column + at) * WIDTH).toFixed(1);
  const characters = [...text];
  const back = ground
    ? [`<rect x="${place(0)}" width="${(characters.length * WIDTH).toFixed(1)}" height="${HEIGHT}" fill="${ground}"/>`]
    : [];
  const style = `${bold ? ' font-weight="bold"' : ''}${dim ? ' fill-opacity="0.65"' : ''}`;
  const words = [...characters.join('').matchAll(/\S+(?: \S+)*/g)].map(({ 0: word, index }) => {
    const at = [...text.slice(0, index)].length;
    const width = ([...word].length * WIDTH).toFixed(1);
    const escaped = word.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one] ?? '');
    return `<text x="${place(at)}" y="14" textLength="${width}" fill="${colour}"${style}>${escaped}</text>`;
  });
  return [...back, ...words];
}
