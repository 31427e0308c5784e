import { isAbsolute } from 'node:path';
import { type Caller, withSignal } from '../domain/caller.ts';
import { isForWantOfRoom } from '../domain/errors.ts';
import type { Connection, Transport } from '../transport/transport.ts';
import { type DestinationSettings, destinationOf, pathsOf } from './destination.ts';
import type { HeldLinks } from './holding.ts';
import { GRACE } from './serve-call.ts';

export interface HeldBy {
  readonly held: HeldLinks;
  /** Called when something is sent that must not run twice. */
  readonly onBegin: () => void;
  /** Makes the client run the line itself. Throws. */
  readonly notHere: (why: string) => never;
}

/** The connections that the daemon keeps, for a call that runs in the daemon itself. */
export function heldTransport({ held, onBegin, notHere }: HeldBy, settings: DestinationSettings): Transport {
  const { direct } = settings;
  return {
    dial: direct.dial,
    identitiesFor: direct.identitiesFor,
    knock: direct.knock,
    release: direct.release,
    close: direct.close,
    async connect(endpoint, asked, onStep) {
      const caller: Caller = { ...asked, askSignedIn: async () => notHere('Azure is asked') };
      const to = await destinationOf(endpoint, settings, caller);
      if (!to) return notHere('this connection cannot be shared');
      if (!pathsOf(to).every(isAbsolute)) return notHere('the settings name a file by a relative path');
      try {
        const { leave } = await held.use(to, caller, onStep);
        leave();
      } catch (error) {
        throw isForWantOfRoom(error) ? notHere('the daemon is out of files') : error;
      }
      return {
        async spawn(script, options) {
          const { connection, leave: done } = await held.use(to, withSignal(caller, options.signal));
          try {
            const onSent = (isSent: boolean) => {
              if (isSent && !script.mayRepeat) onBegin();
              options.onSent?.(isSent);
            };
            const remote = await connection.spawn(script, { warn: caller.warn, ...options, onSent });
            void remote.exit.then(done);
            return script.mayRepeat ? remote : { ...remote, close: () => remote.close(GRACE) };
          } catch (error) {
            done();
            throw error;
          }
        },
        async forward(address, signal) {
          const { connection, leave: done } = await held.use(to, withSignal(caller, signal));
          try {
            const stream = await connection.forward(address, signal);
            stream.once('close', done);
            return stream;
          } catch (error) {
            done();
            throw error;
          }
        },
      } satisfies Connection;
    },
  };
}
