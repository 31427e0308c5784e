import type { Client } from 'ssh2';
import type { Learning } from './server-memory.ts';
import { onFirstChannel, openFirstAtOnce } from './shortcuts.ts';

/** What is rejected with when the server does not open the first channel as expected. */
export const REFUSED = Symbol('refused');

interface FirstChannel {
  readonly client: Client;
  readonly memory: Learning;
  /** Whether the first command follows the opening of its channel at once. */
  readonly shortcut: boolean;
}

/** Opens the first channel at once, or learns how the server opens it. */
export function firstChannel({ client, memory: { known, learn }, shortcut }: FirstChannel) {
  let isOpen: boolean | undefined;
  let isRefused = false;
  const waiting = new Set<() => void>();
  const reject = () => {
    isRefused = true;
    for (const giveUp of waiting) giveUp();
  };
  let skip = () => {};
  if (!shortcut || !known?.channel) skip = onFirstChannel(client, (channel) => learn({ channel }));
  else
    skip = openFirstAtOnce(client, {
      channel: known.channel,
      onAsked() {
        isOpen = false;
      },
      onOpen(channel) {
        isOpen = true;
        learn({ channel });
      },
      onRefused: reject,
    });
  return {
    reject,
    skip: () => skip(),
    /** Undefined where nothing was sent before the channel was open. */
    isOpen: () => isOpen,
    /** The result of `work`, or a rejection with REFUSED. What has a result leaves nothing behind: a connection can last for days. */
    unlessRefused<T>(work: Promise<T>): Promise<T> {
      return new Promise((resolve, rejected) => {
        const giveUp = () => rejected(REFUSED);
        if (isRefused) return giveUp();
        waiting.add(giveUp);
        work.then(resolve, rejected).finally(() => waiting.delete(giveUp));
      });
    },
  };
}
