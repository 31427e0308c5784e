import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '../domain/errors.ts';
import type { Backend, Transaction } from './backend.ts';

/** Runs what a caller wants done together. */
export interface Turns {
  run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Throws `usage` inside of `run`: there, only what it gives may be used, or it would wait for itself. */
  checkOutside(): void;
}

/**
 * Transactions as callers need them: what the caller throws comes out as it is and is never tried again, whatever it says; what is left running when the
 * transaction has ended does nothing any more.
 */
export function turns(backend: Pick<Backend, 'transact'>): Turns {
  const isInside = new AsyncLocalStorage<boolean>();
  const checkOutside = () => {
    if (!isInside.getStore()) return;
    throw new AppError('usage', 'Inside a transaction, use what it passes you, not the registry itself');
  };
  return {
    checkOutside,
    async run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
      checkOutside();
      let own: { readonly error: unknown } | undefined;
      try {
        return await backend.transact(async (transaction) => {
          own = undefined;
          const turn = { isOver: false };
          const failures = new WeakSet<object>();
          try {
            return await isInside.run(true, () => work(guarded(transaction, turn, failures)));
          } catch (error) {
            if (typeof error === 'object' && error !== null && failures.has(error)) throw error;
            own = { error };
            throw new AppError('interrupted', 'The transaction failed');
          } finally {
            turn.isOver = true;
          }
        });
      } catch (error) {
        throw own ? own.error : error;
      }
    },
  };
}

/** `failures`: what the backend throws. */
function guarded(transaction: Transaction, turn: { readonly isOver: boolean }, failures: WeakSet<object>): Transaction {
  const guard =
    <Given extends readonly unknown[], T>(method: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      if (turn.isOver) throw new AppError('usage', 'The transaction is over');
      try {
        return await method(...given);
      } catch (error) {
        if (typeof error === 'object' && error !== null) failures.add(error);
        throw error;
      }
    };
  return {
    get: guard(transaction.get),
    insert: guard(transaction.insert),
    replace: guard(transaction.replace),
    remove: guard(transaction.remove),
    append: guard(transaction.append),
    due: guard(transaction.due),
    historyOf: guard(transaction.historyOf),
    hasEnded: guard(transaction.hasEnded),
  };
}
