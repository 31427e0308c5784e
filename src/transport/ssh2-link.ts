import { randomBytes } from 'node:crypto';
import type { Client, ClientChannel } from 'ssh2';
import type { Endpoint } from './endpoint.ts';
import { frameArgv, unframe } from './frame.ts';
import { lost, lostEarly, noCommand, refusedRequest } from './ssh-errors.ts';
import type { ExitStatus, Link, RemoteProcess } from './transport.ts';

/** A signed-in ssh2 client as a Link. */
export function linkOf(client: Client, endpoint: Endpoint): Link {
  let alive = true;
  let cause: unknown;
  client.on('error', (error) => {
    cause ??= error;
  });
  client.on('close', () => {
    alive = false;
  });
  return {
    get alive() {
      return alive;
    },
    close() {
      alive = false;
      client.end();
    },
    spawn: (argv, options) =>
      new Promise((resolve, reject) => {
        const nonce = randomBytes(16).toString('hex');
        const onAbort = () => reject(options.signal.reason);
        options.signal.addEventListener('abort', onAbort, { once: true });
        const opened = (error: (Error & { reason?: number }) | undefined, channel: ClientChannel) => {
          options.signal.removeEventListener('abort', onAbort);
          if (error && error.reason !== undefined) return resolve('no-channel');
          if (error)
            return reject(
              /^Unable to/.test(error.message) ? refusedRequest(endpoint, error) : lostEarly(endpoint, cause ?? error),
            );
          if (options.signal.aborted) channel.close();
          resolve(processOf({ channel, endpoint, nonce, lossCause: () => cause }));
        };
        try {
          const { terminal } = options;
          const pty = terminal && { term: terminal.term, cols: terminal.columns, rows: terminal.rows };
          client.exec(frameArgv(argv, nonce, pty !== undefined), pty ? { pty } : {}, opened);
        } catch (error) {
          reject(lostEarly(endpoint, cause ?? error));
        }
      }),
  };
}

interface Spawned {
  readonly channel: ClientChannel;
  readonly endpoint: Endpoint;
  readonly nonce: string;
  readonly lossCause: () => unknown;
}

function processOf({ channel, endpoint, nonce, lossCause }: Spawned): RemoteProcess {
  const output = unframe(nonce);
  const errors = unframe(nonce);
  channel.pipe(output.stream);
  channel.stderr.pipe(errors.stream);
  // ssh2 reports a broken channel to its writers; `exit` tells the same to everybody.
  channel.on('error', () => {});
  let status: ExitStatus | undefined;
  channel.on('exit', (code: number | null, signal?: string) => {
    status =
      code === null ? { kind: 'signaled', signal: (signal ?? '').replace(/^SIG/, '') } : { kind: 'exited', code };
  });
  // Not `exit`: output can follow it, and it may never come.
  const exit = new Promise<ExitStatus>((resolve) => {
    channel.on('close', () => {
      const gone = output.begun() ? lost : lostEarly;
      if (status === undefined) return resolve({ kind: 'lost', cause: gone(endpoint, lossCause()) });
      if (output.begun()) return resolve(status);
      resolve({ kind: 'lost', cause: noCommand(endpoint, `${output.noise()} ${errors.noise()}`) });
    });
  });
  return {
    stdin: channel,
    stdout: output.stream,
    stderr: errors.stream,
    exit,
    resize: (columns, rows) => channel.setWindow(rows, columns, 0, 0),
    close: () => channel.close(),
  };
}
