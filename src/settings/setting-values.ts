import { CLOUDS, type CloudName, cloudNamed } from '../domain/cloud.ts';
import { parseDuration } from '../domain/duration.ts';
import { type BastionChoice, checkHops, type JumpRule, readBastionChoice } from '../domain/route.ts';
import { keepSecret } from '../domain/secrets.ts';
import { sessionNameProblem } from '../domain/session.ts';
import { SHORTCUTS, type Shortcut } from '../domain/ssh-choices.ts';
import { printable } from '../domain/text.ts';

/** A value from a text (flag, environment) or from TOML. Throws an Error that says what was expected. */
export type Read<T> = (value: unknown) => T;

export const text: Read<string> = (value) => {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error('expected a string');
};
export const optionalText: Read<string | undefined> = text;
export const textList: Read<readonly string[]> = (value) =>
  (Array.isArray(value) ? value : text(value).split(',')).map((one) => text(one).trim());
/** Paths: a list in TOML, one path elsewhere; a comma is part of a name. */
export const paths: Read<readonly string[]> = (value) => (Array.isArray(value) ? value : [value]).map(text);
export const duration: Read<number> = (value) => {
  const ms = parseDuration(String(value));
  if (ms !== undefined) return ms;
  throw new Error('expected a duration: 30, "30s", "5m", "1h"');
};
/** True or false, as TOML has it or as a text. */
export const yesNo: Read<boolean> = (value) => {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Error('expected true or false');
};
/** A time limit: zero would leave no time at all. */
export const limit: Read<number> = (value) => {
  const ms = duration(value);
  if (ms > 0) return ms;
  throw new Error('expected a positive duration');
};
export const groupName: Read<string | undefined> = (value) => {
  if (/^[\p{L}\p{N}_().-]{1,90}$/u.test(text(value)) && !text(value).endsWith('.')) return text(value);
  throw new Error('expected the name of a resource group');
};
export const port: Read<number | undefined> = (value) => {
  const number = /^[1-9]\d{0,4}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (number < 65_536) return number;
  throw new Error('expected a port number');
};
export const bastionChoice: Read<BastionChoice | undefined> = (value) => readBastionChoice(text(value));
export const optionalUrl: Read<string | undefined> = (value) => {
  const parsed = URL.canParse(text(value)) ? new URL(text(value)) : undefined;
  if (parsed?.protocol === 'https:') return parsed.href.replace(/\/$/, '');
  throw new Error('expected an https:// URL');
};
const DATABASE = /^(postgres(?:ql)?:\/\/)(?:([^:@/?#]*)(:[^/?#]*)?@)?([\w.:,[\]-]+(?:\/[^?#@]*)?)(\?[^#@]*)?$/;
/** Where a PostgreSQL database is. From then on, no message contains its password. */
export const databaseUrl: Read<string | undefined> = (value) => {
  const [whole, , , password = '', , query = ''] = DATABASE.exec(text(value)) ?? [];
  keepSecret(password.slice(1));
  if (whole !== undefined && !/[?&]password=/i.test(query)) return whole;
  throw new Error('expected postgres://user:password@host/database; / @ ? # in a password as %2F %40 %3F %23');
};
export function hasPassword(value: string): boolean {
  return DATABASE.exec(value)?.[3] !== undefined;
}
/** Such a URL as it may be shown. */
export function withoutPassword(value: unknown): string {
  const [, scheme, user = '', password, place] = DATABASE.exec(String(value)) ?? [];
  if (scheme === undefined) return '***';
  const login = user === '' && password === undefined ? '' : `${user}${password === undefined ? '' : ':***'}@`;
  return `${scheme}${login}${place}`;
}
/** A file that does not depend on the directory where azlin runs. */
export const wholePath: Read<string | undefined> = (value) => {
  if (/^(?:\/|~\/)/.test(text(value))) return text(value);
  throw new Error('expected a path that begins with / or ~/');
};
export const cloud: Read<CloudName | undefined> = (value) => {
  const name = cloudNamed(text(value));
  if (name !== undefined) return name;
  throw new Error(`expected one of ${Object.keys(CLOUDS).join(', ')}`);
};
export const optionalDuration: Read<number | undefined> = duration;
export const optionalLimit: Read<number | undefined> = limit;
/** The size of a key in bits. Below 1024, anybody could work out the private key. */
export const rsaSize: Read<number> = (value) => {
  const bits = Number(value);
  if (Number.isInteger(bits) && bits >= 1024 && bits <= 16_384) return bits;
  throw new Error('expected a number of bits from 1024 to 16384');
};
/** How others see the user; it is shown on one line with other text. */
export const label: Read<string | undefined> = (value) => {
  const said = text(value).trim();
  if (said !== '' && said.length <= 64 && printable(said) === said) return said;
  throw new Error('expected 1 to 64 characters on one line');
};
export const atLeastOne: Read<number> = (value) => {
  if (/^[1-9]\d{0,8}$/.test(String(value))) return Number(value);
  throw new Error('expected a number from 1 on');
};
export const attempts: Read<number | undefined> = (value) => {
  const number = Number(value);
  if (String(value).trim() !== '' && Number.isInteger(number) && number >= 0) return number;
  throw new Error('expected a number of attempts, 0 for none');
};
export const sessionName: Read<string> = (value) => {
  const problem = sessionNameProblem(text(value));
  if (problem === undefined) return text(value);
  throw new Error(`expected a session name: ${problem}`);
};
export const contextName: Read<string | undefined> = (value) => {
  const problem = contextNameProblem(text(value));
  if (problem === undefined) return text(value);
  throw new Error(`expected the name of a context: ${problem}`);
};
export const choice =
  <T extends string>(...choices: readonly T[]): Read<T> =>
  (value) => {
    const chosen = choices.find((one) => one === value);
    if (chosen !== undefined) return chosen;
    throw new Error(`expected one of ${choices.join(', ')}`);
  };

/** `all`, `none`, or some of them. */
export const shortcuts: Read<readonly Shortcut[]> = (value) => {
  const words = textList(value);
  if (words.length === 1 && words[0] === 'all') return SHORTCUTS;
  if (words.length === 1 && words[0] === 'none') return [];
  return words.map(choice(...SHORTCUTS));
};

export const optionalChoice = <T extends string>(...choices: readonly T[]): Read<T | undefined> => choice(...choices);

export const jumpHosts: Read<string | undefined> = (value) => checkHops(text(value));

export const jumpRules: Read<readonly JumpRule[]> = (value) => {
  if (!Array.isArray(value)) throw new Error('expected tables: [[ssh.jumps]]');
  return value.map((table: Readonly<Record<string, unknown>>) => {
    if (typeof table !== 'object' || table === null) throw new Error('expected tables: [[ssh.jumps]]');
    const { resource_group: group, tag, proxyjump, ...others } = table;
    const [odd] = Object.keys(others);
    if (odd !== undefined) throw new Error(`"${odd}" is not one of resource_group, tag, proxyjump`);
    return {
      resourceGroup: group === undefined ? undefined : groupName(group),
      tag: tag === undefined ? undefined : text(tag),
      proxyjump: checkHops(text(proxyjump)),
    };
  });
};

/** Why a context cannot have that name; undefined if it can. The name must fit into the settings file and on command lines. */
export function contextNameProblem(name: string): string | undefined {
  if (name in Object.prototype) return `"${name}" is a reserved word`;
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,63}$/u.test(name)
    ? undefined
    : 'use 1 to 64 letters, digits, "-", "_" and "."';
}
