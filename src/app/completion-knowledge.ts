import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { silentCaller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { mayAnswer, type Vm } from '../domain/vm.ts';
import { claim } from '../inventory/cached-inventory.ts';
import { renewBehind } from '../inventory/renew.ts';
import { type CachedKnowledge, rememberedSessions } from '../operations/access/completion-knowledge.ts';
import { jobMemory } from '../operations/jobs/job-memory.ts';
import type { Config } from '../settings/config.ts';
import { readKept } from '../store/kept-file.ts';
import type { Remembered } from '../targets/survey-memory.ts';
import { surveyMemory } from '../targets/survey-memory.ts';
import { type DaemonSurroundings, knownByDaemon } from './daemon-client.ts';
import { inventoryOf, type Place } from './inventory.ts';

/** Milliseconds after which a mark, which says that sessions are being renewed, no longer counts. */
const MARK_TTL = 120_000;

async function dropOldMarks(directory: string, { now }: Clock): Promise<void> {
  const marks = (await readdir(directory)).filter((name) => /^sessions-\w+\.renewing$/.test(name));
  for (const name of marks) {
    const made = Number(await readKept(join(directory, name)).catch(() => now()));
    if (Math.abs(now() - made) > MARK_TTL) await rm(join(directory, name), { force: true });
  }
}

/** What the caches know. Old entries are renewed in the background; nothing here waits for the network. */
export async function knownOf(config: Config, place: Place & DaemonSurroundings): Promise<CachedKnowledge> {
  // Nobody wants to read warnings about caches while typing.
  const caller = silentCaller(new AbortController().signal);
  const { environment, cli, wallClock } = place;
  const directory = join(config.home, 'cache');
  const inventory = inventoryOf({ config }, place);
  const [{ vms }, memory, jobs, watched] = await Promise.all([
    inventory.listVms({ fresh: false, stale: true }, caller).catch(() => ({ vms: [] })),
    surveyMemory(directory).recall(caller),
    jobMemory(directory).all(caller),
    knownByDaemon(config, place).catch(() => new Map<string, Remembered>()),
  ]);
  const told = new Map(rememberedSessions(vms, memory));
  for (const vm of vms) {
    const { askedAt = 0, answer } = watched.get(vm.vmId) ?? {};
    if (answer?.probe === 'ok') told.set(vm, { askedAt, sessions: answer.sessions });
  }
  const isYoung = (vm: Vm) => wallClock.now() - (told.get(vm)?.askedAt ?? 0) < config.sessionsTtl;
  // One mark for each VM or scope: renewing the sessions of another one does not help here.
  const markOf = (what: string) =>
    join(directory, `sessions-${createHash('sha256').update(what).digest('hex').slice(0, 16)}.renewing`);
  return {
    vms,
    sessions: new Map([...told].map(([vm, { sessions }]) => [vm, sessions])),
    jobs,
    async renewSessions(vm) {
      const running = vms.filter(mayAnswer);
      if (running.length === 0 || (vm ? isYoung(vm) : running.every(isYoung))) return;
      const scope = [...config.subscriptions, config.resourceGroup, config.inventory, config.context].join(' ');
      if (!(await claim(markOf(vm?.vmId ?? scope), wallClock))) return;
      await dropOldMarks(directory, wallClock);
      await renewBehind({ cli, environment, config, what: { kind: 'sessions', host: vm?.name } });
    },
  };
}
