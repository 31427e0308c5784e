import type { Bastion } from './route.ts';
import type { EntraSignIn } from './ssh-choices.ts';

/** Somebody who can be asked. Both methods reject with an AppError `interrupted` when they do not answer. */
export interface Questions {
  passphrase(question: string): Promise<string>;
  confirm(question: string): Promise<boolean>;
}

/** What to do about a stopped VM that the caller wants. */
export interface StartPolicy {
  /** `--start` was given. */
  readonly always: boolean;
  /** The command has the option `--start`. */
  readonly isOption: boolean;
  /** Whether a person wants it; false if nobody can be asked. */
  readonly ask: (question: string) => Promise<boolean>;
}

/** Who made a call: what they are told while it goes on, what they can be asked, and when they cancel. */
export interface Caller {
  /** Aborts with an AppError: `interrupted`, or why else the call is over. */
  readonly signal: AbortSignal;
  /** What is being waited for, shown while it takes long; undefined when the wait is over. */
  readonly progress: (text: string | undefined) => void;
  /** What delays it; undefined when that is over. */
  readonly aside: (text: string | undefined) => void;
  readonly warn: (line: string) => void;
  readonly trace: (line: string) => void;
  /** Undefined if nobody can be asked. */
  readonly questions: Questions | undefined;
  readonly start: StartPolicy;
  /** Has a caller in another process answer what only somebody who is signed in to Azure can. */
  readonly askSignedIn?: ((question: AzureQuestion) => Promise<string>) | undefined;
}

/** What only somebody who is signed in to Azure can answer. Bytes are in Base64. */
export type AzureQuestion =
  /** A token that the Bastion takes. */
  | { readonly ask: 'token'; readonly bastion: Bastion }
  /** An SSH certificate of Entra ID. */
  | { readonly ask: 'certificate'; readonly entra: EntraSignIn }
  /** A signature with the key that the certificate is for. */
  | { readonly ask: 'signature'; readonly certificate: string; readonly data: string; readonly algorithm: string }
  /** Why the VM may not accept the certificate, and the cure. */
  | { readonly ask: 'refusal'; readonly entra: EntraSignIn; readonly label: string };

/** The same caller, who gives up when `signal` aborts. */
export function withSignal(caller: Caller, signal: AbortSignal): Caller {
  return { ...caller, signal };
}

/** A caller who is not told anything and cannot be asked. */
export function silentCaller(signal: AbortSignal): Caller {
  const nothing = () => {};
  const start = { always: false, isOption: false, ask: async () => false };
  return { signal, progress: nothing, aside: nothing, warn: nothing, trace: nothing, questions: undefined, start };
}
