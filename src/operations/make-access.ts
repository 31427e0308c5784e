import { join } from 'node:path';
import type { Vm } from '../domain/vm.ts';
import { probeSessions } from '../targets/probe.ts';
import { resolver } from '../targets/resolve.ts';
import { survey } from '../targets/survey.ts';
import { endpointOfAddress, endpointOfVm, type LoginChoice } from '../transport/endpoint.ts';
import type { FleetAccess } from './fleet-access.ts';

/** Where things come from, and what the user set. Durations are milliseconds. */
export interface AccessParts
  extends Omit<FleetAccess, 'survey' | 'resolver' | 'endpointOf' | 'commandDeadline' | 'startDeadline'> {
  readonly choice: LoginChoice;
  readonly settings: {
    /** `$AZLIN_HOME`. */
    readonly home: string;
    readonly defaultSession: string;
    readonly resolveDeadline: number;
    readonly sessionsTtl: number;
    readonly commandDeadline: number;
    readonly startDeadline: number;
  };
}

/** Puts together what the operations reach the fleet with. */
export function makeAccess({ choice, settings, ...parts }: AccessParts): FleetAccess {
  const { clock, inventory, transport, warn, trace } = parts;
  const { defaultSession, sessionsTtl, commandDeadline, startDeadline } = settings;
  const endpointOf = (vm: Vm, identifierUser?: string) => endpointOfVm(vm, { ...choice, identifierUser });
  const asked = survey({
    clock,
    cacheDirectory: join(settings.home, 'cache'),
    endpointOf,
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
    commandDeadline,
    startDeadline,
  };
}
