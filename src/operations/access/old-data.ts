import { hasTrait } from '../../domain/error-traits.ts';
import { type AppError, messageOf } from '../../domain/errors.ts';
import type { Target } from '../../targets/target.ts';
import { type Endpoint, endpointKey } from '../../transport/endpoint.ts';
import type { FleetAccess } from './fleet-access.ts';

/** Whether what is known about the target may be outdated. */
export function mayBeOld({ settings }: FleetAccess, { cached, vm }: Target): boolean {
  return cached || (settings.lags && vm !== null);
}

/** Whether outdated data could explain the error, so that a fresh look is worthwhile. */
export function isExplained({ origin, cached }: Target, { code, mayHaveRun }: AppError): boolean {
  if (mayHaveRun) return false;
  if (code === 'session-not-found') return cached && origin === 'found';
  return hasTrait(code, 'old-address');
}

/** Whether a fresh look found nothing new. */
export function isSame(a: Target, b: Target): boolean {
  return a.vm?.powerState === b.vm?.powerState && a.session === b.session && placeOf(a) === placeOf(b);
}

function placeOf(target: Target): string {
  const endpoint = endpointOrReason(target);
  return typeof endpoint === 'string' ? endpoint : endpointKey(endpoint);
}

/** The endpoint, or the reason why the VM cannot be addressed. */
export function endpointOrReason(target: Target): Endpoint | string {
  try {
    return target.endpoint;
  } catch (error) {
    return messageOf(error);
  }
}
