import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { mayAnswer, type Vm } from '../domain/vm.ts';
import { claim } from '../inventory/cached-inventory.ts';
import { renewBehind } from '../inventory/renew.ts';
import { jobMemory } from '../operations/job-memory.ts';
import { type Known, rememberedSessions } from '../operations/known.ts';
import { surveyMemory } from '../targets/survey-memory.ts';
import { inventoryOf, type Place } from './inventory.ts';

/** What the caches know; what is old is renewed behind. Nothing goes over the network. */
export async function knownOf(config: Config, place: Place): Promise<Known> {
  const quiet = () => {};
  const { environment, cli, wallClock } = place;
  const directory = join(config.home, 'cache');
  const inventory = inventoryOf({ config, warn: quiet, trace: quiet, progress: quiet, aside: quiet }, place);
  const signal = new AbortController().signal;
  const [{ vms }, memory, jobs] = await Promise.all([
    // Nobody who types wants to read what is wrong with it.
    inventory.listVms({ fresh: false, stale: true }, signal).catch(() => ({ vms: [] })),
    surveyMemory(directory, quiet).recall(),
    jobMemory(directory, quiet).all(),
  ]);
  const told = rememberedSessions(vms, memory);
  const isYoung = (vm: Vm) => wallClock.now() - (told.get(vm)?.askedAt ?? 0) < config.sessionsTtl;
  // A mark for each VM and scope: what was asked for another one answers nothing here.
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
      await renewBehind({ cli, environment, config, what: { kind: 'sessions', host: vm?.name } });
    },
  };
}
