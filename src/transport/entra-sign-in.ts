import { AppError } from '../domain/errors.ts';
import type { EntraAccount, EntraChoice, EntraSignIn } from '../domain/ssh-choices.ts';
import { isAzureVm, tagOf, type Vm } from '../domain/vm.ts';
import type { SshOptions } from './ssh-config/ssh-options.ts';

/** What the user set about signing in with Entra ID. */
export interface EntraWishes {
  readonly choice: EntraChoice;
  /** Whether `--entra` says so. */
  readonly isFlag: boolean;
  /** Who is signed in to Azure, for the VMs of a subscription; undefined if nobody is to whom Entra ID gives certificates. */
  readonly accountOf: (subscription: string | undefined) => EntraAccount | undefined;
}

interface Wishes {
  readonly entra?: EntraWishes | undefined;
  readonly flagUser?: string | undefined;
  readonly identifierUser?: string | undefined;
}

const NOBODY: EntraAccount = { tenant: null, subscription: null, as: '' };

/**
 * Whether Entra ID is asked for a certificate, and for whom. The certificate decides who the user is on the VM, so `always` does not count where another
 * user is named for this VM. `vm`: undefined for an address. Throws `usage` where the user wants both.
 */
export function entraSignIn({ entra, flagUser, identifierUser }: Wishes, vm: Vm | undefined): EntraSignIn | undefined {
  if (!entra || entra.choice === 'never') return undefined;
  const { choice, isFlag, accountOf } = entra;
  const user = flagUser ?? identifierUser;
  if (isFlag && choice === 'always' && user !== undefined)
    throw new AppError('usage', `Give --entra or the user "${user}", not both`, {
      hint: 'the Entra ID certificate says who the user is',
    });
  if (user !== undefined || (vm && !isFlag && tagOf(vm, 'azlin-ssh-user') !== undefined)) return undefined;
  const vmId = vm && isAzureVm(vm) ? vm.id : null;
  const account = accountOf(vmId === null ? undefined : vm?.subscriptionId);
  if (choice === 'always') return { wish: choice, vmId, ...(account ?? NOBODY) };
  return vmId === null || !account || vm?.hasIdentity === false ? undefined : { wish: choice, vmId, ...account };
}

/** Who will sign in if nothing but a certificate counts. What the certificate says is known later. */
export function certifiedUser(entra: EntraSignIn | undefined): string | undefined {
  return entra?.wish === 'always' && entra.as !== '' ? entra.as.toLowerCase() : undefined;
}

/** By itself, Entra ID is not asked where any user is `named`: with its certificate one would be somebody else. */
export function withEntra(ssh: SshOptions, entra: EntraSignIn | undefined, named: string | undefined): SshOptions {
  if (!entra) return ssh;
  return { ...ssh, entra: entra.wish === 'auto' && named !== undefined ? { ...entra, wish: 'named' } : entra };
}
