import { withDeadline } from '../domain/deadline.ts';
import { AppError } from '../domain/errors.ts';
import type { RegistryReader } from './app.ts';
import type { CallContext } from './command.ts';

/** Milliseconds for all that a command does with the registry. */
const LIMIT = 300_000;

/** Works with the registry. An interrupt ends it at once, also while a database does not answer. */
export async function withRegistry<T>(
  { app, config, caller, warn }: CallContext,
  work: (registry: RegistryReader) => Promise<T>,
): Promise<T> {
  const { signal } = caller;
  const { clock } = app;
  const registry = await app.registry(config, warn);
  const expired = () => new AppError('registry-failed', `The registry did not answer: ${registry.where}`);
  try {
    return await withDeadline({ clock, ms: LIMIT, signal, expired }, () => work(registry));
  } finally {
    caller.progress(undefined);
    const closing = registry.close();
    if (!signal.aborted) await closing;
  }
}
