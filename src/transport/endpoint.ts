import { AppError } from '../domain/errors.ts';
import { printable } from '../domain/text.ts';
import { addressOf, tagOf, type Vm } from '../domain/vm.ts';

/** Where and as whom to log in. */
export interface Endpoint {
  /** What messages call it: the VM's name, or the address. */
  readonly label: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The name that host keys are kept under: the VM's `vmId`, or the address. */
  readonly hostKeyAlias: string;
}

/** The user's wishes, strongest first: flag, identifier, VM tag, settings. */
export interface LoginChoice {
  readonly flagUser?: string | undefined;
  readonly flagPort?: number | undefined;
  readonly identifierUser?: string | undefined;
  readonly settingsUser?: string | undefined;
  readonly settingsPort?: number | undefined;
}

const DEFAULT_USER = 'azureuser';

/** The endpoint of a VM. Throws `unreachable` when Azure gave it no address, `config` when a tag makes no sense. */
export function endpointOfVm(vm: Vm, choice: LoginChoice): Endpoint {
  const address = addressOf(vm);
  if (address === null)
    throw new AppError('unreachable', `Cannot connect to "${vm.name}": it has no IP address`, {
      hint: 'give it a public IP address, or set its tag azlin-ssh-host to a name or address that reaches it',
    });
  if (!/^[A-Za-z0-9.:_-]+$/.test(address))
    throw new AppError('config', `The tag azlin-ssh-host of "${vm.name}" is no host name or address`);
  const user =
    choice.flagUser ??
    choice.identifierUser ??
    tagOf(vm, 'azlin-ssh-user') ??
    choice.settingsUser ??
    vm.adminUser ??
    DEFAULT_USER;
  if (!/^[^\s\p{Cc}]+$/u.test(user))
    throw new AppError('config', `The user name for "${vm.name}" is none: ${JSON.stringify(user)}`);
  return {
    label: vm.name,
    address,
    port: choice.flagPort ?? tagPort(vm) ?? choice.settingsPort ?? 22,
    user,
    hostKeyAlias: vm.vmId,
  };
}

/** The endpoint of a bare address: nothing is known but the user's wishes. */
export function endpointOfAddress(address: string, choice: LoginChoice): Endpoint {
  const port = choice.flagPort ?? choice.settingsPort ?? 22;
  return {
    label: address,
    address,
    port,
    user: choice.flagUser ?? choice.identifierUser ?? choice.settingsUser ?? DEFAULT_USER,
    hostKeyAlias: port === 22 ? address : `[${address}]:${port}`,
  };
}

function tagPort(vm: Vm): number | undefined {
  const text = tagOf(vm, 'azlin-ssh-port');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new AppError('config', `The tag azlin-ssh-port of "${vm.name}" is no port number: "${printable(text)}"`);
}
