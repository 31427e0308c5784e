import { AppError, messageOf } from '../domain/errors.ts';

export function alreadyThere(id: string): AppError {
  return new AppError('usage', `The registry already has a session "${id}"`);
}

/** The backend cannot do what it was asked for. `isDone`: whether it may have been done all the same. */
export function registryFailed(doing: string, cause: unknown, isDone = false): AppError {
  if (cause instanceof AppError) return cause;
  const message = `Cannot ${doing} the registry: ${messageOf(cause)}`;
  return new AppError('registry-failed', isDone ? `${message}; it may have been done` : message, {
    cause,
    hint: /locked|busy/i.test(message)
      ? 'another program has been writing to it for long; try again'
      : 'check its disk, or that its database can be reached',
    mayHaveRun: isDone,
  });
}
