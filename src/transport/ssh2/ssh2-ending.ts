import type { AppError } from '../../domain/errors.ts';
import type { Shortcut } from '../../domain/ssh-choices.ts';
import type { Endpoint } from '../endpoint.ts';
import { cannotConnect, denied, hungUp, mayShed, noAgreement, type Stage } from '../ssh-errors.ts';
import type { helloReader } from './server-hello.ts';
import type { SignIn } from './ssh2-auth.ts';

/** An attempt that failed, but another one may succeed. */
export interface Again {
  /**
   * `shed`: the server turns connections away for now. `keys`: there are keys left to offer to it. `answered`: the user was asked about its host key, and
   * the server did not wait for the answer. `other-hello`: it says something else than last time. `minded`: it may not have taken a shortcut well. `refused`: it
   * does not accept a key any more that was signed at once, with a command behind it.
   */
  readonly because: 'shed' | 'keys' | 'answered' | 'other-hello' | 'minded' | 'refused';
  /** What it may have minded. */
  readonly suspects?: readonly Shortcut[];
  /** The error to report if it is not tried again. */
  readonly error: AppError;
}

/** What a server may have minded that has hung up at this stage, the boldest one last. */
const SUSPECTS: Readonly<Record<Stage, readonly Shortcut[]>> = {
  // Of a ProxyCommand, whose server has not said anything yet.
  connect: ['hello'],
  hello: ['hello'],
  'key-exchange': ['hello'],
  authenticate: ['service', 'sign', 'early'],
};

/** The shortcut that a server may mind if it does not go on at this stage. */
export function suspectsOf(taken: readonly Shortcut[], stage: Stage): readonly Shortcut[] {
  return taken.filter((one) => SUSPECTS[stage].includes(one)).slice(-1);
}

interface Ended {
  readonly endpoint: Endpoint;
  readonly signIn: SignIn;
  /** The shortcuts that were taken. */
  readonly taken: readonly Shortcut[];
  readonly stage: Stage;
  readonly hello: ReturnType<ReturnType<typeof helloReader>['hello']>;
  readonly error: Error & { readonly level?: string };
}

/** What the end of a connection means. */
export function ending({ endpoint, stage, hello, error, signIn, taken }: Ended): AppError | Again {
  const mind = (lost: AppError): AppError | Again => {
    const suspects = suspectsOf(taken, stage);
    return suspects.length > 0 ? { because: 'minded', error: lost, suspects } : lost;
  };
  if (stage === 'authenticate') {
    if (error.level === 'client-authentication') return denied(endpoint, signIn.tried());
    const isRefusal = /too many authentication failures/i.test(error.message);
    const lost = hungUp(endpoint, stage, { hello, error });
    if (!isRefusal && suspectsOf(taken, stage).length > 0) {
      // Whatever was on its way is offered again, without shortcuts.
      signIn.putBack();
      return mind(lost);
    }
    if (signIn.goesOn(isRefusal)) return { because: 'keys', error: lost };
    return isRefusal ? denied(endpoint, signIn.tried()) : lost;
  }
  if (/no matching/i.test(error.message)) return mind(noAgreement(endpoint, { hello, error }));
  if (stage === 'connect') return mind(cannotConnect(endpoint, error));
  const lost = hungUp(endpoint, stage, { hello, error });
  const isEnd = error.level === 'client-socket' || /closed|before handshake/.test(error.message);
  const isShed = stage === 'hello' && isEnd && mayShed(hello);
  return isShed ? { because: 'shed', error: lost } : mind(lost);
}
