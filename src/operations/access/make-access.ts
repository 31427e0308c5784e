import { join } from 'node:path';
import type { Vm } from '../../domain/vm.ts';
import { probeSessions } from '../../targets/probe.ts';
import { resolver } from '../../targets/resolve.ts';
import { survey } from '../../targets/survey.ts';
import {
  addressOfVm,
  type Endpoint,
  endpointOfAddress,
  endpointOfVm,
  type LoginChoice,
} from '../../transport/endpoint.ts';
import { jobMemory } from '../jobs/job-memory.ts';
import type { FleetAccess } from './fleet-access.ts';

/** Where things come from, and what the user set. Durations are milliseconds. */
export interface AccessParts
  extends Omit<
    FleetAccess,
    | 'survey'
    | 'resolver'
    | 'endpointOf'
    | 'endpointAt'
    | 'addressOf'
    | 'sshConfig'
    | 'commandDeadline'
    | 'startDeadline'
    | 'reconnectDeadline'
    | 'defaultSession'
    | 'jobMemory'
  > {
  readonly choice: LoginChoice;
  readonly settings: {
    /** `$AZLIN_HOME`. */
    readonly home: string;
    readonly defaultSession: string;
    readonly resolveDeadline: number;
    readonly sessionsTtl: number;
    readonly commandDeadline: number;
    readonly startDeadline: number;
    readonly reconnectDeadline: number;
  };
}

/** Puts together what the operations reach the fleet with. */
export function makeAccess({ choice, settings, ...parts }: AccessParts): FleetAccess {
  const { clock, inventory, transport, warn, trace } = parts;
  const { defaultSession, sessionsTtl, commandDeadline, startDeadline, reconnectDeadline } = settings;
  const cacheDirectory = join(settings.home, 'cache');
  // A survey asks for the same one several times, and SSH settings can be long.
  const settled = new WeakMap<Vm, Map<string, Endpoint>>();
  const endpointOf = (vm: Vm, identifierUser?: string) => {
    const known = settled.get(vm) ?? new Map<string, Endpoint>();
    settled.set(vm, known);
    const endpoint = known.get(identifierUser ?? '') ?? endpointOfVm(vm, { ...choice, identifierUser });
    known.set(identifierUser ?? '', endpoint);
    return endpoint;
  };
  const asked = survey({
    clock,
    cacheDirectory,
    endpointOf,
    lags: parts.lags,
    probe: (question) => probeSessions({ transport, clock }, question),
    warn,
  });
  return {
    ...parts,
    survey: asked,
    resolver: resolver({
      clock,
      inventory,
      survey: asked,
      endpointOfVm: endpointOf,
      endpointOfAddress: (address, identifierUser) => endpointOfAddress(address, { ...choice, identifierUser }),
      defaultSession,
      deadline: settings.resolveDeadline,
      sessionsTtl,
      trace,
      warn,
    }),
    endpointOf,
    sshConfig: choice.sshConfig ?? { entries: [], files: [] },
    endpointAt: (address, identifierUser) => endpointOfAddress(address, { ...choice, identifierUser }),
    addressOf: (vm) => addressOfVm(vm, choice),
    defaultSession,
    commandDeadline,
    startDeadline,
    reconnectDeadline,
    jobMemory: jobMemory(cacheDirectory, warn),
  };
}
