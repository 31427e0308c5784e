import { isIPv4 } from 'node:net';
import { AppError } from '../domain/errors.ts';
import {
  type Bastion,
  type BastionChoice,
  DIRECT,
  isBastionId,
  isNamed,
  type JumpRule,
  parseHops,
  type Route,
  withoutTunnels,
} from '../domain/route.ts';
import { printable } from '../domain/text.ts';
import { isAzureVm, tagOf, type Vm } from '../domain/vm.ts';
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

/** What the user set about Bastions: `--bastion`, `AZLIN_BASTION`, `ssh.bastion`. */
export interface BastionSettings {
  readonly flag?: BastionChoice | undefined;
  readonly environment?: BastionChoice | undefined;
  readonly general?: BastionChoice | undefined;
}

interface Routing {
  /** Undefined for a bare address. */
  readonly vm: Vm | undefined;
  /** The address, where it is known. */
  readonly address: string | undefined;
  readonly jump: JumpSettings | undefined;
  readonly bastion: BastionSettings | undefined;
  readonly options: HostOptions;
}

/**
 * How to get there, strongest first: flag, VM tags `azlin-ssh-jump` and `azlin-ssh-bastion`, environment, rules, `ssh.proxyjump` and `ssh.bastion`, SSH
 * settings; then a Bastion, if one is near and nothing else leads there. Throws `config` for a jump host or a Bastion that makes no sense.
 */
export function routeOf(routing: Routing): Route {
  const { vm, jump: jumps, bastion: bastions, options } = routing;
  const inFleet = vm !== undefined;
  const rule = vm && jumps?.rules.find((one) => fits(one, vm));
  const said: readonly (readonly [string | undefined, string, BastionChoice | undefined])[] = [
    [jumps?.flag, '--jump', bastions?.flag],
    [vm && tagOf(vm, 'azlin-ssh-jump'), `the tag azlin-ssh-jump of "${vm?.name}"`, vm && taggedBastion(vm)],
    [jumps?.environment, 'AZLIN_PROXYJUMP', bastions?.environment],
    [rule?.proxyjump, 'ssh.jumps', undefined],
    // Named for all VMs, it is meant for those that cannot be reached without it.
    [jumps?.general, 'ssh.proxyjump', isPrivate(routing) ? bastions?.general : undefined],
  ];
  let choice: BastionChoice | undefined;
  for (const [text, where, bastion] of said) {
    if (text !== undefined) return jumpOver(text, where, inFleet);
    choice ??= bastion;
    if (typeof choice !== 'object') continue;
    const named = throughNamed(routing, choice.named, where === 'ssh.proxyjump');
    if (named) return named;
    choice = 'auto';
  }
  const configured = configuredRoute(options, inFleet);
  if (configured) return configured;
  return (choice === undefined || choice === 'auto' ? nearBastion(routing) : undefined) ?? DIRECT;
}

function taggedBastion(vm: Vm): BastionChoice | undefined {
  const text = tagOf(vm, 'azlin-ssh-bastion');
  if (text === undefined) return undefined;
  if (text === 'auto' || text === 'never') return text;
  if (/^[\w./()-]{1,400}$/.test(text)) return { named: text };
  throw new AppError('config', `The tag azlin-ssh-bastion of "${vm.name}" names no Bastion: "${printable(text)}"`, {
    hint: 'auto, never, or the name or id of a Bastion',
  });
}

/** Undefined if the SSH settings say nothing about it. */
function configuredRoute(options: HostOptions, inFleet: boolean): Route | undefined {
  const jump = options.text('proxyjump');
  if (jump !== undefined && jump.toLowerCase() !== 'none')
    return jumpOver(jump, `"ProxyJump ${jump}" of the SSH settings`, inFleet);
  const command = options.text('proxycommand');
  if (command === undefined) return jump === undefined ? undefined : DIRECT;
  return command.toLowerCase() === 'none' ? DIRECT : { kind: 'command', command };
}

function jumpOver(text: string, where: string, inFleet: boolean): Route {
  const hops = parseHops(text, where);
  return hops.length === 0 ? DIRECT : { kind: 'jump', hops, inFleet };
}

/** Whether it cannot be reached from everywhere. */
function isPrivate({ vm, address = '' }: Routing): boolean {
  if (vm) return vm.publicIp === null;
  return isIPv4(address) && /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
}

/** `isGeneral`: the setting is meant for VMs that it serves, so others go their own way. */
function throughNamed({ vm }: Routing, named: string, isGeneral: boolean): Route | undefined {
  const { own = [], peered = [] } = vm?.bastions ?? {};
  const found = [...own, ...peered].find((one) => isNamed(one, named));
  const bastion = found ?? (isBastionId(named) ? named : undefined);
  if (bastion !== undefined) return { kind: 'bastion', bastion, vmId: vm && isAzureVm(vm) ? vm.id : undefined };
  if (isGeneral) return undefined;
  const known = [...own, ...peered].map(({ name }) => name).join(', ');
  const whose = vm ? ` near "${vm.name}"` : '';
  throw new AppError('config', `No Bastion "${named}" is known${whose}${known === '' ? '' : `; there is ${known}`}`, {
    hint: 'give its id: az network bastion list --query "[].id" --output tsv',
  });
}

/** The Bastion in the network of a VM that has no public address, or else the one in a peered network. Undefined if there is none, or if the user has said where the VM is. */
function nearBastion({ vm, options }: Routing): Route | undefined {
  if (!vm?.bastions || vm.publicIp !== null) return undefined;
  if (tagOf(vm, 'azlin-ssh-host') !== undefined || options.text('hostname') !== undefined) return undefined;
  const usable = (all: readonly Bastion[]) => all.filter((one) => !withoutTunnels(one));
  const own = usable(vm.bastions.own);
  const [first, ...more] = own.length > 0 ? own : usable(vm.bastions.peered);
  if (!first) return undefined;
  if (more.length === 0) return { kind: 'bastion', bastion: first, vmId: vm.id };
  const names = [first, ...more].map(({ name }) => name).join(', ');
  throw new AppError('config', `"${vm.name}" can be reached through several Bastions: ${names}`, {
    hint: 'choose one with --bastion, ssh.bastion or the tag azlin-ssh-bastion; never uses none',
  });
}

/** Why the Bastion near a VM without a public address is not used, and the cure; undefined if there is no such VM or no such Bastion. */
export function unusableBastion({ publicIp, bastions }: Vm): Unused | undefined {
  const [first] = publicIp === null && bastions ? [...bastions.own, ...bastions.peered] : [];
  const without = first && withoutTunnels(first);
  return without && { problem: `Bastion ${first.name} ${without.problem}`, cure: without.cure };
}

/** A way that would lead there, but for something that can be cured. */
export interface Unused {
  readonly problem: string;
  readonly cure: string;
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
