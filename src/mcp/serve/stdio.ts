import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { pause } from '../../domain/clock.ts';
import { type LongLine, withoutLongLines } from './long-lines.ts';
import type { McpService } from './service.ts';

interface Streams {
  readonly stdin: Readable;
  /** Nothing but the protocol may be written there. */
  readonly stdout: Writable;
  readonly signal: AbortSignal;
}

/** Milliseconds that calls have to end when nothing more is to come, as at the end of a pipe. */
const LEAVING = 3_000;

/** Serves the program at the other end of the streams until it closes them, or the signal aborts. */
export async function serveOverStdio(service: McpService, { stdin, stdout, signal }: Streams): Promise<void> {
  const calls = new Set<Promise<unknown>>();
  const onerror = (error: Error) => service.log(error.message);
  // One message that is too long must not be the end of all others.
  const held = withoutLongLines(LONGEST, (line) => {
    service.log(`a message of ${line.length} bytes is too long, and was left out`);
    stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: idOf(line), error: TOO_LONG })}\n`);
  });
  // Its own end would cut off what is under way.
  stdin.pipe(held, { end: false });
  let isUsed = false;
  stdin.once('data', () => {
    isUsed = true;
  });
  const over = new Promise<void>((resolve) => {
    const end = () => resolve();
    stdin.once('end', end).once('close', end);
    stdout.once('error', end);
    signal.addEventListener('abort', end, { once: true });
  });
  let hasCalled = () => {};
  const called = new Promise<void>((resolve) => {
    hasCalled = resolve;
  });
  service.onCall((call) => {
    calls.add(call);
    hasCalled();
    // Whether it is refused is its caller's affair.
    const done = () => calls.delete(call);
    call.then(done, done);
  });
  const handle = serveStdio(({ era }) => service.serverFor(era === 'legacy' ? 'subscribers' : 'all'), {
    transport: new StdioServerTransport(held, stdout),
    onerror,
  });
  await over;
  const late = new AbortController();
  const atMost = (ms: number, stop = late.signal) => pause(service.clock, ms, stop).catch(() => {});
  // Clients say so twice: at last by a signal.
  const hurry = AbortSignal.any([late.signal, signal]);
  if (!signal.aborted && stdout.writable && isUsed) {
    // What has just been read has yet to become a call.
    await Promise.race([called, atMost(SOON, hurry)]);
    await Promise.race([Promise.allSettled(calls), atMost(LEAVING, hurry)]);
    // Their answers are written a moment later.
    await atMost(ANSWERED);
    await Promise.race([new Promise<void>((resolve) => stdout.write('', () => resolve())), atMost(LEAVING)]);
  }
  await handle.close().catch(() => {});
  // That cancels the calls, which may have to end commands, and are written down.
  await Promise.race([Promise.allSettled(calls), atMost(LEAVING)]);
  late.abort();
}

/** Milliseconds in which a message becomes a call, and in which what a call returns is written. */
const [SOON, ANSWERED] = [1_000, 50];

/** Bytes of a message. The protocol's library ends the connection at 10 MiB. */
const LONGEST = 10_000_000;
const TOO_LONG = {
  code: -32_600,
  message: `The message is longer than ${LONGEST} bytes, so nothing was done. Put long input in a file on the VM`,
};

/** The id of a request, which clients write at its beginning or its end; null if it is not there. */
function idOf({ head, tail }: LongLine): number | string | null {
  const [, id] =
    /^\{"jsonrpc":"2\.0","id":("[^"\\\p{Cc}]*"|\d{1,15}),/u.exec(head) ??
    /\},(?:"jsonrpc":"2\.0",)?"id":("[^"\\\p{Cc}]*"|\d{1,15})\}\s*$/u.exec(tail) ??
    [];
  return id === undefined ? null : (JSON.parse(id) as number | string);
}
