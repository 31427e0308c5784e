import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { inPlaces, oneByOne } from '../domain/concurrency.ts';
import { formatDuration } from '../domain/duration.ts';
import type { Vm } from '../domain/vm.ts';
import { type Endpoint, firstLook } from '../transport/endpoint.ts';
import type { Answer, Question } from './probe.ts';
import { type Memory, REMEMBERED, type Remembered, surveyMemory } from './survey-memory.ts';

export interface SurveySettings {
  readonly clock: Clock;
  readonly cacheDirectory: string;
  readonly endpointOf: (vm: Vm) => Endpoint;
  /** Whether the inventory may give outdated data about a VM even when it was asked a moment ago. */
  readonly lags: boolean;
  readonly probe: (question: Question) => Promise<Answer>;
  /** What is known without asking, by `keyOfEndpoint`. */
  readonly known?: KnownSessions;
}

/** What somebody who watches VMs knows about their sessions, some seconds old at most. */
export type KnownSessions = (keys: readonly string[], caller: Caller) => Promise<ReadonlyMap<string, Remembered>>;

export interface SurveyRequest {
  readonly vms: readonly Vm[];
  /** How old, in milliseconds, an earlier answer may be; 0 uses none. */
  readonly maxAge: number;
  /** Whether what is known from watching a VM is as good as its answer. */
  readonly mayBeKnown?: boolean;
  /** Whether the VMs come from an earlier answer of the inventory. No host key is pinned then. */
  readonly isKept?: boolean;
  /** Whether to leave out VMs that were asked within the last minute and did not answer. */
  readonly skipSilent: boolean;
  /** Milliseconds for each VM. */
  readonly deadline: number;
  /** Milliseconds for all of them; those not asked by then get the answer `timed-out`. */
  readonly wholeDeadline: number;
  readonly onAnswer?: (vm: Vm, answer: Answer) => void;
}

export interface SurveyResult {
  /** One for each VM that was asked for. */
  readonly answers: ReadonlyMap<Vm, Answer>;
  /** Whether any answer is from an earlier survey. */
  readonly cached: boolean;
}

/** Asks many VMs for their sessions at once, and remembers what they said. */
export interface Survey {
  ask(request: SurveyRequest, caller: Caller): Promise<SurveyResult>;
  /** Drops what is remembered about a VM, because its sessions were just changed. */
  forget(endpoint: Endpoint, caller: Caller): Promise<void>;
}

const CONCURRENCY = 32;
/** A VM that did not answer is not waited for again for this long. */
const SILENCE_TTL = 60_000;
const KEEP = 3_600_000;
export function survey(settings: SurveySettings): Survey {
  const { clock, endpointOf, probe } = settings;
  const { recall, keep } = surveyMemory(settings.cacheDirectory);
  // Many sessions may change at the same moment, so write one after the other.
  const inTurn = oneByOne();
  const remember = async (fresh: Memory, caller: Caller) => {
    const limit = clock.now() - KEEP;
    const kept = Object.entries(await recall(caller)).filter(([, { askedAt }]) => askedAt > limit);
    await keep({ ...Object.fromEntries(kept), ...fresh }, caller);
  };
  const keyOf = (vm: Vm) => {
    try {
      return keyOfEndpoint(endpointOf(vm));
    } catch {
      // A VM without an endpoint cannot be asked; the probe says why.
      return vm.vmId;
    }
  };
  const usable = (kept: Remembered, { maxAge, skipSilent }: SurveyRequest) => {
    // If the clock was set back, an answer seems to come from the future. That does not make it fresh.
    const age = Math.abs(clock.now() - kept.askedAt);
    return isSilent(kept.answer) ? skipSilent && age < SILENCE_TTL : age < maxAge;
  };

  return {
    async ask(request, caller) {
      const { vms, deadline, wholeDeadline, onAnswer } = request;
      const memory = request.maxAge > 0 || request.skipSilent ? await recall(caller) : {};
      const known = request.mayBeKnown ? await settings.known?.(vms.map(keyOf), caller) : undefined;
      const until = clock.now() + wholeDeadline;
      const answers = new Map<Vm, Answer>();
      const fresh: Record<string, Remembered> = {};
      let cached = false;
      await inPlaces({ limit: CONCURRENCY, clock }, vms, async (vm) => {
        const key = keyOf(vm);
        const watched = known?.get(key);
        const kept = memory[key];
        const left = Math.min(deadline, until - clock.now());
        let answer: Answer;
        if (watched) {
          caller.trace(`${vm.name}: its sessions are known, ${formatDuration(clock.now() - watched.askedAt)} old`);
          answer = watched.answer;
        } else if (kept && usable(kept, request)) {
          // A silent VM would be left out of a fresh survey as well, so asking again would find nothing new.
          cached ||= !isSilent(kept.answer);
          answer = kept.answer;
        } else if (left <= 0) {
          answer = { probe: 'timed-out', reason: `not asked within ${formatDuration(wholeDeadline)}` };
        } else {
          const endpoint = () => firstLook(endpointOf(vm), settings.lags || request.isKept === true);
          answer = await probe({ endpoint, ms: left, caller });
          if (REMEMBERED.includes(answer.probe)) fresh[key] = { askedAt: clock.now(), answer };
        }
        answers.set(vm, answer);
        onAnswer?.(vm, answer);
      });
      if (Object.keys(fresh).length > 0) await inTurn(() => remember(fresh, caller));
      return { answers, cached };
    },

    forget: (endpoint, caller) =>
      inTurn(async () => {
        const { [keyOfEndpoint(endpoint)]: known, ...rest } = await recall(caller);
        if (known) await keep(rest, caller);
      }),
  };
}

function isSilent({ probe }: Answer): boolean {
  return probe === 'timed-out';
}

/** What the answer of a VM is remembered under. With Entra ID, the user there depends on who has signed in here. */
export function keyOfEndpoint({ user, hostKeyAlias, address, port, ssh }: Endpoint): string {
  const { entra } = ssh;
  const who = entra && entra.wish !== 'named' ? ` ${entra.as} ${entra.tenant ?? ''}` : '';
  return `${user}@${hostKeyAlias} ${address}:${port}${who}`;
}
