import { join } from 'node:path';
import type { Caller } from '../domain/caller.ts';
import type { Probe, Session } from '../domain/session.ts';
import { readCache, writeCache } from '../store/cache-file.ts';
import type { Answer } from './probe.ts';

/** What a VM said, and when, in milliseconds since 1970. */
export interface Remembered {
  readonly askedAt: number;
  readonly answer: Answer;
}

/** By `user@host-key-alias address:port`. The address is included, because a VM that was silent at the old address may answer at the new one. */
export type Memory = Readonly<Record<string, Remembered>>;

/** Refusals are not worth remembering: they come at once, and may be fixed at once by another key or address. */
export const REMEMBERED: readonly Probe[] = ['ok', 'no-tmux', 'timed-out'];

export interface SurveyMemory {
  recall(caller: Caller): Promise<Memory>;
  keep(memory: Memory, caller: Caller): Promise<void>;
}

/** What VMs said about their sessions, in a file of the cache. */
export function surveyMemory(cacheDirectory: string): SurveyMemory {
  const path = join(cacheDirectory, 'sessions.json');
  return {
    recall: async ({ warn }) => (await readCache(path, isMemory, warn)) ?? {},
    keep: (memory, { warn }) => writeCache(path, memory, warn),
  };
}

/** Every host key alias that the key of an entry could contain; one of them is the `vmId` of a VM. */
export function aliasesIn(key: string): readonly string[] {
  const login = key.slice(0, key.lastIndexOf(' '));
  // User names can contain an @, too.
  return [...login.matchAll(/@/g)].map(({ index }) => login.slice(index + 1));
}

function isMemory(value: unknown): value is Memory {
  return typeof value === 'object' && value !== null && Object.values(value).every(isRemembered);
}

function isRemembered(value: unknown): value is Remembered {
  const { askedAt, answer } = (value ?? {}) as Partial<Remembered>;
  if (typeof askedAt !== 'number' || !answer || !REMEMBERED.includes(answer.probe)) return false;
  return answer.probe === 'ok'
    ? Array.isArray(answer.sessions) && answer.sessions.every(isSession)
    : typeof answer.reason === 'string';
}

function isSession(value: unknown): value is Session {
  const { id, name, friendlyName, clients } = (value ?? {}) as Partial<Session>;
  return (
    typeof id === 'string' &&
    typeof name === 'string' &&
    (friendlyName === null || typeof friendlyName === 'string') &&
    Array.isArray(clients)
  );
}
