import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import type { KeptRecord, KeptToken } from './backend.ts';
import { change, existing, shown, type Within } from './inside.ts';
import { checkId, checkTtl } from './record.ts';
import type { Comings, Reconnection } from './types.ts';

/** Milliseconds for which a token is good; for which the one before is no guess. */
const [GOOD, LATE] = [900_000, 10_000];
/** Wrong tokens after which no token is taken any more, until a new one is made. */
const GUESSES = 5;

interface Settings {
  readonly within: Within;
  readonly clock: Clock;
}

export function comings({ within, clock }: Settings): Comings {
  return {
    disconnect: (id, reason) =>
      within(async (inside) => {
        const record = await existing(inside, id);
        if (record.disconnected) return shown(record);
        return shown(await change(inside, { ...record, disconnected: { at: clock.now(), reason } }, 'disconnected'));
      }),
    token: (id, ms = GOOD) =>
      within(async (inside) => {
        const good = checkTtl(ms);
        if (good === null) throw new AppError('usage', 'A token must expire at some time');
        const record = await existing(inside, id);
        const { token, kept } = newToken(clock.now() + good, null);
        await inside.transaction.replace({ ...record, token: kept });
        return { token, expiresAt: kept.expires };
      }),
    reconnect: (id, token) =>
      within(async (inside): Promise<Reconnection> => {
        const { transaction, isThere, latest } = inside;
        const found = await transaction.get(checkId(id));
        if (!isThere(found))
          return { refused: found || (await transaction.hasEnded(id)) ? 'session_closed' : 'session_not_found' };
        const record = latest(found);
        const now = clock.now();
        const verdict = judge(record, hashOf(token), now);
        if (verdict === 'guess') {
          const failed = (record.token?.failed ?? 0) + 1;
          if (record.token) await transaction.replace({ ...record, token: { ...record.token, failed } });
          return { refused: failed >= GUESSES ? 'too_many_attempts' : 'token_mismatch' };
        }
        if (verdict !== 'right') return { refused: verdict };
        const before = record.token as KeptToken;
        const next = newToken(now + GOOD, { hash: before.hash, until: now + LATE });
        const { disconnected: _gone, ...rest } = record;
        const reconnectCount = record.reconnectCount + 1;
        const back = await change(
          inside,
          { ...rest, token: next.kept, accessedAt: now, reconnectCount },
          'reconnected',
        );
        return { record: shown(back), token: next.token, expiresAt: next.kept.expires };
      }),
  };
}

function judge({ token }: KeptRecord, hash: string, now: number) {
  if (!token) return 'token_mismatch';
  if (token.failed >= GUESSES) return 'too_many_attempts';
  if (token.hash === hash) return token.expires > now ? 'right' : 'token_expired';
  // Several had the same token, and one was first.
  if (token.previous?.hash === hash && token.previous.until > now) return 'token_mismatch';
  return 'guess';
}

function newToken(expires: number, previous: KeptToken['previous']) {
  const token = randomBytes(32).toString('base64url');
  const kept: KeptToken = { hash: hashOf(token), expires, failed: 0, previous };
  return { token, kept };
}

const hashOf = (token: string) => createHash('sha256').update(String(token)).digest('hex');
