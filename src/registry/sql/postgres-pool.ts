import type { Client } from 'pg';
import { backOff } from '../../domain/back-off.ts';
import { type Clock, pause } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import { registryFailed } from '../registry-errors.ts';
import { anyPrimary, cannotUse, type Hosts, isBroken, isHopeless } from './postgres-hosts.ts';

/** Connections at once, besides the one that listens. */
const MOST = 5;
/** Milliseconds until no host at all is the primary. */
const PATIENCE = 10_000;
const AGAIN = { first: 50, longest: 500, jitter: 0.5 };

interface PoolSettings {
  readonly hosts: Hosts;
  readonly clock: Clock;
}

export interface PostgresPool {
  /** Works with a connection; over another one again, as long as it breaks off before `isDone`. */
  using<T>(work: (client: Client) => Promise<T>, isDone: () => boolean): Promise<T>;
  /** A connection of one's own. */
  dial(): Promise<Client>;
  /** Aborts when the pool is closed. */
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** Connections to whichever host is the primary. */
export function postgresPool({ hosts, clock }: PoolSettings): PostgresPool {
  const free: Client[] = [];
  const waiting: ((client: Client | undefined) => void)[] = [];
  let open = 0;
  let isClosed = false;

  const dial = async (signal: AbortSignal): Promise<Client> => {
    const until = clock.now() + PATIENCE;
    for (let tries = 1; ; tries++) {
      const { client, error } = await anyPrimary(hosts);
      if (client && signal.aborted) client.end().catch(() => {});
      signal.throwIfAborted();
      if (client) return client;
      if (isHopeless(error) || clock.now() > until) throw cannotUse(hosts, error);
      await pause(clock, backOff(AGAIN, tries), signal);
      signal.throwIfAborted();
    }
  };
  const ended = new AbortController();
  const take = async (): Promise<Client> => {
    if (isClosed) throw new AppError('registry-failed', 'The registry is closed');
    const known = free.pop();
    if (known) return known;
    if (open >= MOST) {
      const given = await new Promise<Client | undefined>((resolve) => waiting.push(resolve));
      if (given) return given;
      if (isClosed) throw new AppError('registry-failed', 'The registry is closed');
    }
    open++;
    try {
      return await dial(ended.signal);
    } catch (error) {
      giveUp();
      throw error;
    }
  };
  /** A place is free. */
  const giveUp = () => {
    open--;
    waiting.shift()?.(undefined);
  };
  const giveBack = (client: Client) => {
    if (isClosed) return drop(client);
    const next = waiting.shift();
    if (next) next(client);
    else free.push(client);
  };
  function drop(client: Client): void {
    client.end().catch(() => {});
    giveUp();
  }
  const using = async <T>(work: (client: Client) => Promise<T>, isDone: () => boolean): Promise<T> => {
    let until: number | undefined;
    for (;;) {
      const client = await take();
      try {
        const result = await work(client);
        giveBack(client);
        return result;
      } catch (error) {
        if (isBroken(error)) drop(client);
        else giveBack(client);
        if (!isBroken(error)) throw error;
        if (isDone()) throw registryFailed('write to', error, true);
        until ??= clock.now() + PATIENCE;
        if (clock.now() > until) throw error;
      }
    }
  };

  return {
    using,
    dial: () => dial(ended.signal),
    signal: ended.signal,
    async close() {
      isClosed = true;
      ended.abort(new AppError('registry-failed', 'The registry is closed'));
      for (const next of waiting.splice(0)) next(undefined);
      await Promise.all(free.splice(0).map((client) => client.end().catch(() => {})));
    },
  };
}
