import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, toAppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import type { Config, Settled } from '../../settings/config.ts';
import { KEYS, SETTINGS, type Setting, type SettingName } from '../../settings/settings.ts';
import {
  changeSettings,
  contextsIn,
  isAt,
  readSettingsText,
  usesContext,
  writeSettings,
} from '../../settings/settings-edit.ts';
import { unknownSetting } from '../../settings/settings-file.ts';
import { type CallContext, defineCommand, type Result } from '../command.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';
import { placeOfKey, settingAt, valueFrom } from '../line/setting-words.ts';
import { EXPLAINED } from '../topics/settings.ts';
import { type SettingRow, settingsView } from '../views/settings.ts';

const ACTIONS = ['list', 'view', 'get', 'set', 'unset', 'edit', 'path'] as const;

export const config = defineCommand({
  usage: '[action] [key] [value..]',
  positionals: {
    action: { describe: 'What to do; default: list', choices: ACTIONS },
    key: 'The key of a setting: ssh.user, aliases.prod',
    value: 'Its value, or several if the setting takes a list',
  },
  examples: [
    { line: 'azlin config', does: 'every setting that is set, and where it comes from' },
    { line: 'azlin config --all', does: 'include those at their default' },
    { line: 'azlin config get ssh.user', does: 'one value' },
    { line: 'azlin config set ssh.user alice', does: 'comments in the file are kept' },
    { line: 'azlin config set --context lab ssh.user bob', does: 'in a context' },
    { line: 'azlin config set aliases.prod web-1:main web-2:main', does: 'one name for several identifiers' },
    { line: 'azlin config unset ssh.user', does: 'back to its default' },
    { line: 'azlin config edit', does: 'in your editor; a mistake is not saved' },
  ],
  seeAlso: ['init', 'context', 'configuration', 'environment'],
  options: {
    all: { kind: 'flag', short: 'a', describe: 'With list: include settings at their default' },
    context: SCOPE_OPTIONS.context,
  },
  mendsSettings: true,
  async run(call) {
    const { positionals, several, args, app, config: known } = call;
    const { action = 'list', key } = positionals;
    if (key !== undefined && ['list', 'view', 'edit', 'path'].includes(action))
      throw new AppError('usage', `azlin config ${action} takes no key`, {
        hint: `azlin config get ${shellWord(key)} shows one setting`,
      });
    if (key === undefined && ['get', 'set', 'unset'].includes(action))
      throw new AppError('usage', `Missing setting: azlin config ${action} KEY`, {
        hint: 'azlin help configuration lists them',
      });
    if (several.length > 0 && action !== 'set') throw new AppError('usage', `azlin config ${action} takes no value`);
    if (args.all && action !== 'list') throw new AppError('usage', '--all only works with azlin config list');
    const { path } = known.file;
    switch (action) {
      case 'path':
        return { data: { kind: 'path' as const, path } };
      case 'edit':
        return edit(call, path);
      case 'set':
      case 'unset':
        return change(call, { key: key ?? '', values: action === 'set' ? several : undefined, context: args.context });
    }
    const { context } = args;
    const settled = await app.config(context === undefined ? {} : { context });
    // kubectl config view shows everything, too.
    return action === 'get' ? getOne(settled, key ?? '') : listed(settled, args.all || action === 'view');
  },
  view: settingsView,
});

type Shown = Result<{ readonly kind: 'path'; readonly path: string } | readonly SettingRow[] | SettingRow>;

function listed(settled: Config, all: boolean): Shown {
  const rows = settled.settled.filter(({ source }) => all || source !== 'default').map(rowOf);
  const hidden = settled.settled.length - rows.length;
  const notes = hidden > 0 ? [`${hidden} settings are at their default; azlin config --all shows them`] : [];
  return { data: rows, notes };
}

function getOne(settled: Config, key: string): Shown {
  const { name, inner } = settingAt(key);
  const one = settled.settled.find((each) => each.name === name);
  if (!one) throw new Error(`no setting ${name}`);
  if (inner === undefined) return { data: rowOf(one), notes: one.source === 'default' ? [defaultNote(one)] : [] };
  const inside = one.value as Readonly<Record<string, unknown>>;
  const value = Object.hasOwn(inside, inner) ? inside[inner] : undefined;
  if (value === undefined)
    throw new AppError('config', `${key} is not set`, { hint: 'azlin config lists the settings that are set' });
  return { data: { ...rowOf(one), key, value } };
}

function defaultNote({ name, key }: Settled): string {
  return `${key} is not set; default: ${EXPLAINED[name].fallback}`;
}

/** As it was given; of a secret only what may be shown. */
function shownOf(name: SettingName, given: unknown): unknown {
  const { shown } = SETTINGS[name] as Setting<unknown>;
  return given === undefined ? null : (shown?.(given) ?? given);
}

function rowOf({ name, key, variable, given, source, where }: Settled): SettingRow {
  return {
    key,
    value: shownOf(name, given),
    source,
    where: source === 'default' ? null : where,
    variable: variable ?? null,
    name,
  };
}

interface Change {
  readonly key: string;
  /** Undefined removes it. */
  readonly values: readonly string[] | undefined;
  readonly context: string | undefined;
}

async function change(call: CallContext, { key, values, context }: Change): Promise<Shown> {
  const { app, config: before, note } = call;
  const { path } = before.file;
  if (context !== undefined && !(await contextsIn(path)).includes(context))
    throw new AppError('usage', `There is no context "${context}" in ${path}`, {
      hint: `azlin context create ${shellWord(context)} --subscription …`,
    });
  const known = KEYS.includes(key) || key.startsWith('aliases.');
  if (!known && [...KEYS, 'contexts.'].some((one) => one.startsWith(`${key}.`) || key.startsWith('contexts')))
    throw new AppError('usage', `${key} is a table, not a setting`, {
      hint: key.startsWith('contexts')
        ? 'azlin context delete NAME deletes a context'
        : `azlin config unset ${key}.NAME removes one entry`,
    });
  // A key that is not a setting can still be removed.
  const place = known || values ? placeOfKey(key) : key.split('.');
  const where = [...(context === undefined ? [] : ['contexts', context]), ...place];
  const value = values && valueFrom(key, values);
  let was = false;
  await changeSettings({ path, clock: app.clock }, [{ at: where, value }], (table) => {
    was = isAt(table, where);
    if (!was && !known) throw unknownSetting(key, KEYS);
  });
  const of = context === undefined ? '' : ` of context "${context}"`;
  if (!values && !was) note(`${key}${of} was not set in ${path}`);
  else note(`${values ? 'set' : 'unset'} ${key}${of} in ${path}`);
  // Say so if the change has no effect, which would be a surprise later.
  if (context !== undefined) {
    const isUsed = (await usesContext(path, context)) || app.environment['AZLIN_CONTEXT'] === context;
    return { notes: isUsed ? [] : [`context "${context}" is not in use; azlin context use ${context} switches to it`] };
  }
  const now = await app.config({}).catch(toAppError);
  if (now instanceof AppError) return { notes: [`the settings have another error: ${now.message}`] };
  const one = now.settled.find((each) => each.key === (key.startsWith('aliases.') ? 'aliases' : key));
  const isHidden = one && (one.source === 'environment' || one.source === 'context');
  return {
    notes: isHidden
      ? [
          `${one.source === 'context' ? `context "${now.context}"` : one.where} takes precedence, so this has no effect now`,
        ]
      : [],
  };
}

const TEMPLATE = `# Settings of azlin; azlin help configuration explains them.
# Settings: ${KEYS.filter((key) => !['context', 'aliases'].includes(key)).join(', ')}
`;

async function edit({ app, io, interrupts, note, hint, holdOutput }: CallContext, path: string): Promise<Shown> {
  if (!app.canAsk() || io.stdout.isTTY !== true)
    throw new AppError('usage', 'azlin config edit needs a terminal', {
      hint: 'azlin config set KEY VALUE changes a setting without an editor',
    });
  const before = await readSettingsText(path);
  const directory = await mkdtemp(join(tmpdir(), 'azlin-config-'));
  const draft = join(directory, 'config.toml');
  try {
    await writeFile(draft, before || TEMPLATE, { mode: 0o600 });
    for (;;) {
      const goOn = holdOutput();
      // Ctrl-C is for the editor.
      const giveBack = interrupts.takeOver(() => {});
      await app.openEditor(draft).finally(() => {
        giveBack();
        goOn();
      });
      const after = await readFile(draft, 'utf8');
      if (after === (before || TEMPLATE)) return { notes: [`${path} is unchanged`] };
      if ((await readSettingsText(path)) !== before) {
        await writeFile(`${path}.mine`, after, { mode: 0o600 });
        throw new AppError('config', `${path} was changed by another program while you edited it`, {
          hint: `your version is in ${path}.mine`,
        });
      }
      try {
        await writeSettings(path, after);
        note(`saved ${path}`);
        return {};
      } catch (error) {
        const { message, hint: advice } = toAppError(error);
        note(message);
        if (advice) hint(advice);
        if (!(await app.confirm('Edit it again?', interrupts.signal)))
          throw new AppError('config', `${path} is unchanged: your version has an error`, { cause: error });
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
