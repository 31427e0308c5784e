import type { Socket } from 'node:net';
import type { Caller } from '../domain/caller.ts';
import type { Step } from '../transport/transport.ts';
import { type Ask, type DaemonReply, errorToWire, type Word } from './messages.ts';
import { frameReader, sendMessage } from './wire.ts';

/** What a client hears. */
export interface Talking {
  readonly caller: Caller;
  readonly onStep?: ((step: Step) => void) | undefined;
  readonly onReply: (
    reply: Exclude<
      DaemonReply,
      { readonly reply: 'here' | 'step' | 'progress' | 'aside' | 'warn' | 'trace' | 'question' }
    >,
  ) => void;
  readonly onBytes?: (chunk: Buffer, isErrors: boolean) => void;
  readonly onTaken?: (bytes: number) => void;
  /** Called when nothing more comes, however it ended. */
  readonly onClose: () => void;
}

/** Asks the daemon for something. What concerns the person who waits (progress, warnings, questions) goes to the caller. */
export function talk(socket: Socket, ask: Ask, talking: Talking): void {
  const { caller, onStep, onReply, onBytes, onTaken, onClose } = talking;
  const say = (word: Word) => void sendMessage(socket, word);
  const onQuestion = ({ id, kind, question }: Extract<DaemonReply, { readonly reply: 'question' }>) => {
    const answer =
      (kind === 'signed-in' ? caller.askSignedIn?.(JSON.parse(question)) : caller.questions?.[kind](question)) ??
      Promise.reject(new Error('nobody can be asked'));
    answer.then(
      (value) => say({ say: 'answer', id, value }),
      (error: unknown) => say({ say: 'no-answer', id, error: errorToWire(error) }),
    );
  };
  const onMessage = (message: unknown) => {
    const reply = message as DaemonReply;
    switch (reply.reply) {
      case 'here':
        return;
      case 'step':
        return onStep?.(reply.step);
      case 'progress':
      case 'aside':
        return caller[reply.reply](reply.text ?? undefined);
      case 'warn':
      case 'trace':
        return caller[reply.reply](reply.line);
      case 'question':
        return onQuestion(reply);
      default:
        return onReply(reply);
    }
  };
  const read = frameReader({ onMessage, ...(onBytes ? { onBytes } : {}), ...(onTaken ? { onTaken } : {}) });
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      socket.destroy();
    }
  });
  socket.once('close', onClose);
  // It was paused after the greeting.
  socket.resume();
  sendMessage(socket, ask);
}
