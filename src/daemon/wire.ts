import type { Socket } from 'node:net';

/*
 * What goes over the daemon's socket: frames of a kind, a length in four bytes, and that many bytes. Each call has a connection of its own, so that a reader who
 * is slow holds up nobody else.
 */

const KINDS = ['message', 'bytes', 'errors', 'end', 'taken'] as const;

/** `message`: JSON. `bytes`: of the input or output; `errors`: of standard error. `end`: of the input. `taken`: how many bytes of input have been passed on. */
type FrameKind = (typeof KINDS)[number];

const HEADER = 5;
/** The longest message: a script can contain what the user gives on standard input. */
const LONGEST_MESSAGE = 256 * 1024 * 1024;

/** Sends one frame. Returns false if the other side reads more slowly than this side writes. */
export function sendFrame(socket: Socket, kind: FrameKind, content: Buffer): boolean {
  const header = Buffer.allocUnsafe(HEADER);
  header[0] = KINDS.indexOf(kind);
  header.writeUInt32BE(content.length, 1);
  if (content.length === 0) return socket.write(header);
  socket.cork();
  socket.write(header);
  const isFast = socket.write(content);
  socket.uncork();
  return isFast;
}

export function sendMessage(socket: Socket, message: unknown): boolean {
  return sendFrame(socket, 'message', Buffer.from(JSON.stringify(message)));
}

export interface FrameHandlers {
  readonly onMessage: (message: unknown) => void;
  /** Called with each piece of a frame as it comes. */
  readonly onBytes?: (chunk: Buffer, isErrors: boolean) => void;
  readonly onEnd?: () => void;
  readonly onTaken?: (bytes: number) => void;
}

/** Reads frames from chunks. Throws an Error for what is none. */
export function frameReader(handlers: FrameHandlers): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let kind: FrameKind | undefined;
  let left = 0;
  let parts: Buffer[] = [];
  const take = (piece: Buffer) => {
    if (kind === 'bytes' || kind === 'errors') {
      if (piece.length > 0) handlers.onBytes?.(piece, kind === 'errors');
      return;
    }
    if (piece.length > 0) parts.push(piece);
    if (left > 0) return;
    const whole = Buffer.concat(parts);
    parts = [];
    if (kind === 'message') handlers.onMessage(JSON.parse(whole.toString('utf8')));
    else if (kind === 'end') handlers.onEnd?.();
    else handlers.onTaken?.(whole.readUInt32BE(0));
  };
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (kind === undefined) {
        const more = chunk.subarray(at, at + HEADER - header.length);
        header = Buffer.concat([header, more]);
        at += more.length;
        if (header.length < HEADER) return;
        kind = KINDS[header[0] ?? 255];
        left = header.readUInt32BE(1);
        header = Buffer.alloc(0);
        if (kind === undefined || left > LONGEST_MESSAGE) throw new Error('this is not what a daemon of azlin says');
      }
      const piece = chunk.subarray(at, at + left);
      at += piece.length;
      left -= piece.length;
      take(piece);
      if (left === 0) kind = undefined;
    }
  };
}

export function takenFrame(bytes: number): Buffer {
  const content = Buffer.alloc(4);
  content.writeUInt32BE(bytes);
  return content;
}
