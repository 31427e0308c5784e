import { pause } from '../../domain/clock.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { drawingOver, roomOn } from '../../terminal/screen.ts';
import type { CallContext } from '../command.ts';
import { styleFor } from './style.ts';

export interface Watched<T> {
  /** Milliseconds between the end of one update and the start of the next. */
  readonly interval: number;
  /** Asks for what is shown. */
  readonly ask: (signal: AbortSignal) => Promise<T>;
  /** The first line: what is shown, and of when. */
  readonly title: (value: T) => string;
  readonly text: (value: T) => Promise<string>;
}

/** Asks again and again, on a screen of its own, until Ctrl-C; resolves to the last value. Rejects if nothing could be shown at all. */
export async function watchScreen<T>(call: CallContext, { interval, ask, title, text }: Watched<T>): Promise<T> {
  const { io, app, interrupts } = call;
  const stop = new AbortController();
  const onAbort = () => stop.abort(interrupts.signal.reason);
  interrupts.signal.addEventListener('abort', onAbort, { once: true });
  const giveBack = interrupts.takeOver(() => stop.abort(new AppError('interrupted', 'Interrupted')));
  const drawing = drawingOver(io.stdout);
  const forget = interrupts.onExit(drawing.clear);
  let goOn = () => {};
  let last: { readonly value: T } | undefined;
  const draw = async (problem: string) => {
    if (!last) return;
    const { cutTo } = await import('../../terminal/cells.ts');
    const columns = io.stdout.columns ?? 80;
    const head = `${title(last.value)}; every ${interval / 1_000} s, Ctrl-C to stop${problem}`;
    const lines = (await text(last.value)).split('\n').slice(0, -1);
    const room = roomOn(io.stdout) - 2;
    const hidden = lines.length - room;
    const more = hidden > 0 ? [`${hidden} more ${hidden === 1 ? 'row' : 'rows'} below`] : [];
    const { dim } = styleFor(true);
    drawing.draw([
      dim(cutTo(head, columns)),
      ...lines.slice(0, room),
      ...more.map((line) => dim(cutTo(line, columns))),
    ]);
  };
  const onResize = () => void draw('');
  io.stdout.on('resize', onResize);
  try {
    for (;;) {
      try {
        const value = await ask(stop.signal);
        if (!last) goOn = call.holdOutput();
        last = { value };
        await draw('');
      } catch (error) {
        // What has been shown stays while the network is away.
        if (stop.signal.aborted || !last) throw error;
        await draw(`; the last update failed: ${toAppError(error).message}`);
      }
      await pause(app.clock, interval, stop.signal);
    }
  } catch (error) {
    interrupts.signal.throwIfAborted();
    if (!stop.signal.aborted || !last) throw error;
    return last.value;
  } finally {
    io.stdout.off('resize', onResize);
    drawing.clear();
    forget();
    giveBack();
    interrupts.signal.removeEventListener('abort', onAbort);
    goOn();
  }
}
