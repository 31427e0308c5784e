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

/** Opens the first channel at once, or learns how the server opens it. The promise never resolves. */
export function firstChannel({ client, memory: { known, learn }, shortcut }: FirstChannel) {
  let reject = () => {};
  let isOpen: boolean | undefined;
  const promise = new Promise<never>((_, rejected) => {
    reject = () => rejected(REFUSED);
  });
  promise.catch(() => {});
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
      onRefused: () => reject(),
    });
  /** Undefined where nothing was sent before the channel was open. */
  return { promise, reject, skip: () => skip(), isOpen: () => isOpen };
}
