import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { McpContext } from './context.ts';
import { mcpServer } from './server.ts';

interface Streams {
  readonly stdin: Readable;
  /** Nothing but the protocol may be written there. */
  readonly stdout: Writable;
  readonly signal: AbortSignal;
}

/** Serves the program at the other end of the streams until it closes them, or the signal aborts. */
export async function serveOverStdio(context: McpContext, { stdin, stdout, signal }: Streams): Promise<void> {
  const over = new Promise<void>((resolve) => {
    const end = () => resolve();
    stdin.once('end', end).once('close', end);
    stdout.once('error', end);
    signal.addEventListener('abort', end, { once: true });
  });
  const onerror = (error: Error) => context.log(error.message);
  const handle = serveStdio(() => mcpServer(context), { transport: new StdioServerTransport(stdin, stdout), onerror });
  await over;
  await handle.close().catch(() => {});
}
