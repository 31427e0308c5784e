import { resolve } from 'node:path';
import { AppError, messageOf } from '../../domain/errors.ts';
import { ENTRIES, KEYS, SETTINGS, type Setting, type SettingName } from '../../settings/settings.ts';
import { unknownSetting } from '../../settings/settings-file.ts';

export interface SettingPlace {
  readonly name: SettingName;
  /** The name inside a setting that is a table. */
  readonly inner: string | undefined;
}

/** The setting with that key; `aliases.prod` is part of one. Throws `config`, with the nearest key as a hint. */
export function settingAt(key: string): SettingPlace {
  const whole = ENTRIES.find(([, one]) => one.key === key);
  if (whole) return { name: whole[0], inner: undefined };
  const inner = /^aliases\.(.+)$/.exec(key)?.[1];
  if (inner !== undefined && inner in Object.prototype)
    throw new AppError('usage', `"${inner}" cannot be an alias`, { hint: 'use another name' });
  if (inner !== undefined) return { name: 'aliases', inner };
  throw unknownSetting(key, KEYS);
}

/** Where the file has the key: the tables and the name in them. */
export function placeOfKey(key: string): readonly string[] {
  const { inner } = settingAt(key);
  return inner === undefined ? key.split('.') : ['aliases', inner];
}

/** Turns words of a command line into a value for the file. Throws `usage`. */
export function valueFrom(key: string, words: readonly string[]): unknown {
  const { name, inner } = settingAt(key);
  const [first] = words;
  if (first === undefined || words.includes(''))
    throw new AppError('usage', `Missing value: azlin config set ${key} VALUE`, {
      hint: `azlin config unset ${key} removes it`,
    });
  if (inner === undefined && (name === 'aliases' || name === 'jumps'))
    throw new AppError('usage', `${key} is a table, which azlin config set cannot write`, {
      hint:
        name === 'aliases'
          ? 'azlin config set aliases.NAME IDENTIFIER… sets one alias'
          : 'azlin config edit opens the file',
    });
  const takesMany = inner !== undefined || name === 'subscriptions' || name === 'identities';
  if (words.length > 1 && !takesMany)
    throw new AppError('usage', `${key} takes one value, not ${words.length}`, {
      hint: `quote it: azlin config set ${key} '${words.join(' ')}'`,
    });
  const one: Setting<unknown> = SETTINGS[name];
  const isPath = name === 'identities' || name === 'sshConfig' || name === 'inventory';
  // A typed path is relative to this directory, but the settings are used from everywhere.
  const absolute = (text: string) =>
    isPath && !/^(~|\/)/.test(text) && !['azure', 'resource-graph', 'none'].includes(text) ? resolve(text) : text;
  const asNumber = /^(0|[1-9]\d{0,8})$/.test(first) ? Number(first) : undefined;
  // A number where the setting takes one, a list where it takes several, else the text.
  const tries = takesMany
    ? [words.flatMap((word) => (name === 'subscriptions' ? word.split(',') : [absolute(word)]))]
    : [absolute(first)];
  let problem: unknown;
  for (const value of asNumber !== undefined && !takesMany ? [asNumber, ...tries] : tries) {
    try {
      one.read(inner === undefined ? value : { [inner]: value });
      return value;
    } catch (error) {
      problem = error;
    }
  }
  const said = one.shown ? '' : `${JSON.stringify(first)}: `;
  throw new AppError('usage', `Invalid value for ${key}: ${said}${messageOf(problem)}`);
}
