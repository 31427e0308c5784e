import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { EntraSignIn } from '../../domain/ssh-choices.ts';
import type { Endpoint } from '../endpoint.ts';
import { type EntraCertificates, entraOffers, type LoginRefusal, userOf } from '../identities/entra.ts';
import type { Identities } from '../identities/identities.ts';
import type { Link, Step } from '../transport.ts';
import type { ServerMemory } from './server-memory.ts';

export interface EntraDial {
  readonly endpoint: Endpoint;
  readonly entra: EntraSignIn;
  readonly certificates: EntraCertificates;
  readonly servers: Pick<ServerMemory, 'takesEntra' | 'keepEntra'>;
  readonly clock: Clock;
  readonly caller: Caller;
  readonly onStep: (step: Step) => void;
  /** Dials with what is to be offered. `isFirst`: nothing has been sent for the caller yet. */
  readonly dial: (
    endpoint: Endpoint,
    keys: Pick<Identities, 'offersFor'> | undefined,
    isFirst: boolean,
  ) => Promise<Link>;
}

/** Signs in with a certificate of Entra ID: always, or where the server refuses the user's own keys, or has accepted one before. */
export async function dialWithEntra({ servers, ...request }: EntraDial): Promise<Link> {
  const { endpoint, entra, caller, dial } = request;
  if (entra.wish === 'always') {
    const result = await dialCertified(request, { certificate: await certificateOf(request), isFirst: true });
    if (!('denial' in result)) return result;
    const { denial, problem, cure } = result;
    throw new AppError('ssh-denied', `${denial.message}; ${problem}`, { hint: cure });
  }
  if (entra.wish === 'named') return dialNamed(request);
  const isUsual = await servers.takesEntra(endpoint, caller);
  const first = isUsual ? await tryCertified(request, true) : undefined;
  if (first && 'over' in first) return first;
  if (first)
    caller.trace(`${endpoint.label}: ${'denial' in first ? first.denial.message : first.message}; trying keys`);
  let denial: AppError;
  try {
    const link = await dial(endpoint, undefined, !isUsual);
    if (isUsual) await servers.keepEntra(endpoint, false, caller);
    return link;
  } catch (error) {
    if (!isDenial(error)) throw error;
    denial = error;
  }
  if (!first) caller.trace(`${endpoint.label}: ${denial.message}; trying Entra ID`);
  const result = first ?? (await tryCertified(request, false));
  if (!('over' in result)) throw 'denial' in result ? alsoRefused(denial, result) : notTried(denial, result);
  await servers.keepEntra(endpoint, true, caller);
  return result;
}

/** With keys only; if they are refused, the error says why Entra ID was not asked. */
async function dialNamed({ endpoint, entra, dial }: Certifying): Promise<Link> {
  try {
    return await dial(endpoint, undefined, true);
  } catch (error) {
    if (!isDenial(error)) throw error;
    const why = new AppError('ssh-denied', `the settings name the user "${endpoint.user}"`, {
      hint: `--entra signs in as ${entra.as}`,
    });
    throw notTried(error, why);
  }
}

type Certifying = Omit<EntraDial, 'servers'>;

/** The server has refused the certificate. */
interface Refused extends LoginRefusal {
  readonly denial: AppError;
  /** What messages call the certificate. */
  readonly name: string;
}

/** An error if there is no certificate. Rejects where the certificate is not the reason. */
async function tryCertified(request: Certifying, isFirst: boolean): Promise<Link | Refused | AppError> {
  const { caller } = request;
  let certificate: Buffer;
  try {
    certificate = await certificateOf(request);
  } catch (error) {
    caller.signal.throwIfAborted();
    return toAppError(error);
  }
  return dialCertified(request, { certificate, isFirst });
}

/** That it may take long, whoever waits has to know. */
function certificateOf({ entra, certificates, caller, onStep }: Certifying): Promise<Buffer> {
  onStep({ kind: 'certifying', detail: entra.as });
  return certificates.certificate(entra, caller);
}

interface Attempt {
  readonly certificate: Buffer;
  readonly isFirst: boolean;
}

async function dialCertified(request: Certifying, { certificate, isFirst }: Attempt): Promise<Link | Refused> {
  const { endpoint, entra, certificates, clock, caller, dial } = request;
  const offers = entraOffers(certificate, certificates, { clock, caller });
  try {
    return await dial({ ...endpoint, user: userOf(certificate) }, { offersFor: async () => offers }, isFirst);
  } catch (error) {
    if (!isDenial(error)) throw error;
    const name = offers.identities[0]?.name ?? '';
    return { denial: error, name, ...(await certificates.refusal(entra, endpoint.label, caller)) };
  }
}

/** Whether the server itself does not let the user in. What a jump host refuses has a cause. */
function isDenial(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'ssh-denied' && error.cause === undefined;
}

function alsoRefused({ message }: AppError, { name, problem, cure }: Refused): AppError {
  return new AppError('ssh-denied', `${message}\n  it also refused ${name}: ${problem}`, { hint: cure });
}

function notTried({ message, hint }: AppError, missing: AppError): AppError {
  const cure = missing.hint === undefined ? '' : ` (${missing.hint})`;
  return new AppError('ssh-denied', `${message}\n  not tried: Entra ID: ${missing.message}${cure}`, { hint });
}
