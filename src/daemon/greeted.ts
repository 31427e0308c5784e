import { connect, type Socket } from 'node:net';
import type { Clock } from '../domain/clock.ts';

/** Milliseconds that a daemon may take for its first word; one that is stopped or stuck says nothing. */
const PATIENCE = 1_000;

/**
 * Connects to a daemon and waits for its greeting, which is left to be read. Nothing is asked before: a daemon that is stuck must not do later what somebody has
 * meanwhile done without it. Rejects with the system's error, or when there is no greeting within `patience` milliseconds.
 */
export function connectTo(path: string, clock: Pick<Clock, 'schedule'>, patience = PATIENCE): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const giveUp = (error: Error) => {
      cancel();
      socket.destroy();
      reject(error);
    };
    const cancel = clock.schedule(patience, () => giveUp(new Error('it does not answer')));
    const onClose = () => giveUp(Object.assign(new Error('it does not listen any more'), { code: 'ECONNRESET' }));
    socket.once('error', giveUp).once('close', onClose);
    socket.once('data', (greeting: Buffer) => {
      cancel();
      socket.pause();
      socket.unshift(greeting);
      socket.off('error', giveUp).off('close', onClose);
      // Whoever uses it hears of its end.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
