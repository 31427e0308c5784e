import { setMaxListeners } from 'node:events';
import { AppError } from '../domain/errors.ts';

export interface Scope {
  readonly signal: AbortSignal;
  /** Stops listening to both. */
  readonly release: () => void;
}

/** A signal that aborts when either of the two does, and that many VMs may listen to. */
export function callScope(given: AbortSignal | undefined, life: AbortSignal): Scope {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const byCaller = () => controller.abort(new AppError('interrupted', 'Interrupted', { cause: given?.reason }));
  const byEnd = () => controller.abort(life.reason);
  given?.addEventListener('abort', byCaller, { once: true });
  life.addEventListener('abort', byEnd, { once: true });
  if (life.aborted) byEnd();
  else if (given?.aborted) byCaller();
  const release = () => {
    given?.removeEventListener('abort', byCaller);
    life.removeEventListener('abort', byEnd);
  };
  return { signal: controller.signal, release };
}
