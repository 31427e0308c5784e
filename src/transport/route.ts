import { AppError } from '../domain/errors.ts';
import { DIRECT, type JumpRule, parseHops, type Route } from '../domain/jump.ts';
import { tagOf, type Vm } from '../domain/vm.ts';
import { type Expansion, expandTokens } from './ssh-config/expand.ts';
import type { HostOptions } from './ssh-config/host-options.ts';

/** What the user set about jump hosts in azlin; texts as `parseHops` reads them. */
export interface JumpSettings {
  /** `--jump`. */
  readonly flag: string | undefined;
  /** `AZLIN_PROXYJUMP`. */
  readonly environment: string | undefined;
  /** From config.toml. The first one that matches counts. */
  readonly rules: readonly JumpRule[];
  /** `ssh.proxyjump`, if no rule matches. */
  readonly general: string | undefined;
}

interface Routing {
  /** Undefined for a bare address. */
  readonly vm: Vm | undefined;
  readonly settings: JumpSettings | undefined;
  readonly options: HostOptions;
}

/**
 * How to get there, strongest first: flag, VM tag `azlin-ssh-jump`, environment, rules, `ssh.proxyjump`, SSH settings. Throws `config` for
 * a jump host that makes no sense.
 */
export function routeOf({ vm, settings, options }: Routing): Route {
  const inFleet = vm !== undefined;
  const rule = vm && settings?.rules.find((one) => fits(one, vm));
  const said: readonly (readonly [string | undefined, string])[] = [
    [settings?.flag, '--jump'],
    [vm && tagOf(vm, 'azlin-ssh-jump'), `the tag azlin-ssh-jump of "${vm?.name}"`],
    [settings?.environment, 'AZLIN_PROXYJUMP'],
    [rule?.proxyjump, 'ssh.jumps'],
    [settings?.general, 'ssh.proxyjump'],
  ];
  for (const [text, where] of said) if (text !== undefined) return jumpOver(text, where, inFleet);
  return configuredRoute(options, inFleet);
}

function configuredRoute(options: HostOptions, inFleet: boolean): Route {
  const jump = options.text('proxyjump');
  if (jump !== undefined && jump.toLowerCase() !== 'none')
    return jumpOver(jump, `"ProxyJump ${jump}" of the SSH settings`, inFleet);
  const command = options.text('proxycommand');
  if (command === undefined || command.toLowerCase() === 'none') return DIRECT;
  return { kind: 'command', command };
}

function jumpOver(text: string, where: string, inFleet: boolean): Route {
  const hops = parseHops(text, where);
  return hops.length === 0 ? DIRECT : { kind: 'jump', hops, inFleet };
}

/** Whether the rule applies to the VM. It does not if the VM can be reached without a jump: often the jump host itself is a VM of the same group. */
function fits({ resourceGroup, tag }: JumpRule, vm: Vm): boolean {
  if (vm.publicIp !== null) return false;
  if (resourceGroup !== undefined && resourceGroup.toLowerCase() !== vm.resourceGroup.toLowerCase()) return false;
  if (tag === undefined) return true;
  const at = tag.indexOf('=');
  const value = tagOf(vm, at < 0 ? tag : tag.slice(0, at));
  return value !== undefined && (at < 0 || value === tag.slice(at + 1));
}

/** Expands the tokens of a command. A shell reads it, so what Azure or a VM's tags say must not become part of its syntax. */
export function expandedRoute(route: Route, expansion: Expansion): Route {
  if (route.kind !== 'command') return route;
  const { command } = route;
  const tokens = Object.fromEntries(
    Object.entries(expansion.tokens).map(([letter, value]) => [letter, plainToken(letter, value, command)]),
  );
  return { kind: 'command', command: expandTokens(command, { ...expansion, tokens }) };
}

const FROM_OUTSIDE: readonly string[] = ['n', 'h', 'r', 'k'];

function plainToken(letter: string, value: string, command: string): string {
  const isPlain = !FROM_OUTSIDE.includes(letter) || /^[\w.:@+,/][\w.:@+,/%-]*$/.test(value);
  if (isPlain || !command.includes(`%${letter}`)) return value;
  throw new AppError('config', `Cannot pass ${JSON.stringify(value)} to the shell of ProxyCommand as %${letter}`, {
    hint: 'only letters, digits and . : @ + , / % _ - are allowed there',
  });
}
