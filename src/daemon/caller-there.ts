import type { Socket } from 'node:net';
import type { Caller, Questions } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import type { Step } from '../transport/transport.ts';
import { type DaemonReply, errorFromWire, type Word } from './messages.ts';
import { sendMessage } from './wire.ts';

/** Somebody at the other end of a socket. */
export interface CallerThere {
  readonly caller: Caller;
  readonly onStep: (step: Step) => void;
  /** Takes an answer to a question. */
  heard(word: Word): void;
  /** Nobody is there any more. */
  left(): void;
}

/** The caller on the daemon's side: what it is told goes over the socket, and so do questions. */
export function callerThere(socket: Socket, canAsk: boolean): CallerThere {
  const gone = new AbortController();
  const say = (reply: DaemonReply) => void sendMessage(socket, reply);
  interface Waiting {
    readonly resolve: (value: string | boolean) => void;
    readonly reject: (error: unknown) => void;
  }
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  const question = (kind: 'passphrase' | 'confirm' | 'signed-in', text: string) =>
    new Promise<string | boolean>((resolve, reject) => {
      // Nobody would answer.
      if (gone.signal.aborted) return reject(gone.signal.reason);
      waiting.set(++asked, { resolve, reject });
      say({ reply: 'question', id: asked, kind, question: text });
    });
  const questions: Questions = {
    passphrase: async (text) => String(await question('passphrase', text)),
    confirm: async (text) => (await question('confirm', text)) === true,
  };
  return {
    caller: {
      signal: gone.signal,
      progress: (text) => say({ reply: 'progress', text: text ?? null }),
      aside: (text) => say({ reply: 'aside', text: text ?? null }),
      warn: (line) => say({ reply: 'warn', line }),
      trace: (line) => say({ reply: 'trace', line }),
      questions: canAsk ? questions : undefined,
      // Whether a VM is to be started is decided before it is reached.
      start: { always: false, isOption: false, ask: async () => false },
      askSignedIn: async (asked) => String(await question('signed-in', JSON.stringify(asked))),
    },
    onStep: (step) => say({ reply: 'step', step }),
    heard(word) {
      if (word.say !== 'answer' && word.say !== 'no-answer') return;
      const one = waiting.get(word.id);
      waiting.delete(word.id);
      if (word.say === 'answer') one?.resolve(word.value);
      else one?.reject(errorFromWire(word.error));
    },
    left() {
      const reason = new AppError('interrupted', 'Interrupted');
      gone.abort(reason);
      for (const { reject } of waiting.values()) reject(reason);
      waiting.clear();
    },
  };
}
