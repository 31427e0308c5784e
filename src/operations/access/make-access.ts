import { join } from 'node:path';
import type { Vm } from '../../domain/vm.ts';
import { probeSessions } from '../../targets/probe.ts';
import { resolver } from '../../targets/resolve.ts';
import { type KnownSessions, survey } from '../../targets/survey.ts';
import {
  addressOfVm,
  type Endpoint,
  endpointOfAddress,
  endpointOfVm,
  type LoginChoice,
} from '../../transport/endpoint.ts';
import { jobMemory } from '../jobs/job-memory.ts';
import type { Endpoints, FleetAccess, FleetSettings } from './fleet-access.ts';

/** The parts of the access, and the user's settings. Durations are milliseconds. */
export interface AccessParts
  extends Pick<FleetAccess, 'clock' | 'now' | 'inventory' | 'power' | 'transport' | 'hostKeys' | 'history'> {
  readonly choice: LoginChoice;
  /** What is known about sessions without asking. */
  readonly known: KnownSessions;
  readonly settings: Omit<FleetSettings, 'sshConfig'> & {
    /** `$AZLIN_HOME`. */
    readonly home: string;
    readonly resolveDeadline: number;
    readonly sessionsTtl: number;
  };
}

/** Puts together what the operations use to reach the fleet. */
export function makeAccess({ choice, settings, known, ...parts }: AccessParts): FleetAccess {
  const { clock, inventory, transport } = parts;
  const { home, resolveDeadline, sessionsTtl, ...kept } = settings;
  const cacheDirectory = join(home, 'cache');
  const endpoints = endpointsBy(choice);
  const asked = survey({
    clock,
    cacheDirectory,
    endpointOf: endpoints.of,
    lags: settings.lags,
    known,
    probe: (question) => probeSessions({ transport, clock }, question),
  });
  return {
    ...parts,
    endpoints,
    survey: asked,
    resolver: resolver({
      clock,
      inventory,
      survey: asked,
      endpointOfVm: endpoints.of,
      endpointOfAddress: endpoints.at,
      defaultSession: settings.defaultSession,
      deadline: resolveDeadline,
      sessionsTtl,
    }),
    jobMemory: jobMemory(cacheDirectory),
    settings: { ...kept, sshConfig: choice.sshConfig ?? { entries: [], files: [] } },
  };
}

function endpointsBy(choice: LoginChoice): Endpoints {
  // Kept, because a survey asks for the same endpoint several times, and SSH settings can be long.
  const settled = new WeakMap<Vm, Map<string, Endpoint>>();
  return {
    of(vm, identifierUser) {
      const known = settled.get(vm) ?? new Map<string, Endpoint>();
      settled.set(vm, known);
      const endpoint = known.get(identifierUser ?? '') ?? endpointOfVm(vm, { ...choice, identifierUser });
      known.set(identifierUser ?? '', endpoint);
      return endpoint;
    },
    at: (address, identifierUser) => endpointOfAddress(address, { ...choice, identifierUser }),
    addressOf: (vm) => addressOfVm(vm, choice),
  };
}
