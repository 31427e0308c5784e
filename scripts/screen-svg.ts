/** What SGR sequences have switched on. */
interface Look {
  readonly bold: boolean;
  readonly dim: boolean;
  readonly colour: string;
}

const PLAIN: Look = { bold: false, dim: false, colour: '#d4d4d4' };
const COLOURS = ['#4b5263', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d4d4d4'];
const WIDTH = 8.4;
const HEIGHT = 18;
const MARGIN = 14;
const BAR = 28;

/** A screen of a terminal, with its colours, as a picture. */
export function screenSvg(screen: string, columns: number): string {
  const lines = screen.trimEnd().split('\n');
  const [width, height] = [Math.ceil(columns * WIDTH) + 2 * MARGIN, lines.length * HEIGHT + BAR + MARGIN];
  let look = PLAIN;
  const texts = lines.map((line, index) => {
    const spans: string[] = [];
    let column = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
    for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: see above
      const codes = /^\u001b\[([0-9;]*)m$/.exec(part)?.[1];
      if (codes !== undefined) look = codes.split(';').map(Number).reduce(after, look);
      else if (part !== '') {
        spans.push(span(part, look, column));
        column += [...part].length;
      }
    }
    return `<text y="${BAR + (index + 1) * HEIGHT - 4}">${spans.join('')}</text>`;
  });
  const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
    (fill, at) => `<circle cx="${18 + at * 18}" cy="15" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="azlin in a terminal">
<rect width="${width}" height="${height}" rx="8" fill="#1e2127"/>
${dots.join('')}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve">
${texts.join('\n')}
</g>
</svg>
`;
}

function after(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 39) return { ...look, colour: PLAIN.colour };
  const colour =
    code >= 30 && code <= 37 ? COLOURS[code - 30] : code >= 90 && code <= 97 ? COLOURS[code - 90] : undefined;
  return colour === undefined ? look : { ...look, colour };
}

/** Each with its own place: no font is as wide as another. */
function span(text: string, { bold, dim, colour }: Look, column: number): string {
  const escaped = text.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? '');
  const style = `${bold ? ' font-weight="bold"' : ''}${dim ? ' fill-opacity="0.65"' : ''}`;
  const width = ([...text].length * WIDTH).toFixed(1);
  return `<tspan x="${(MARGIN + column * WIDTH).toFixed(1)}" textLength="${width}" fill="${colour}"${style}>${escaped}</tspan>`;
}
