import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { changeSettings } from '../../settings/settings-edit.ts';
import { defineCommand, type Result, type View } from '../command.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';
import { placeOfKey, valueFrom } from '../line/setting-words.ts';

interface AliasRow {
  readonly alias: string;
  readonly identifiers: readonly string[];
}

const ACTIONS = ['list', 'set', 'unset'] as const;

const aliasesView: View<readonly AliasRow[]> = {
  async text(rows, { width }) {
    if (rows.length === 0) return '';
    const { table } = await import('../views/table.ts');
    const columns = [{ title: 'ALIAS' }, { title: 'MEANS', flexible: true }];
    return table(
      columns,
      rows.map(({ alias, identifiers }) => ({ cells: [alias, identifiers.join(', ')] })),
      width,
    );
  },
  records: (rows) => rows,
  fields: ['alias', 'identifiers'],
};

export const aliases = defineCommand({
  usage: '[action] [name] [means..]',
  positionals: {
    action: { describe: 'What to do; default: list', choices: ACTIONS },
    name: 'The name of an alias',
    means: 'What it stands for: identifiers and patterns',
  },
  examples: [
    { line: 'azlin aliases', does: 'what each of them stands for' },
    { line: 'azlin aliases set prod web-1:main web-2:main', does: 'one name for two sessions' },
    { line: 'azlin aliases set prod web-1:main; azlin exec prod uptime', does: 'use it in place of an identifier' },
    { line: 'azlin aliases set prod web-1:main; azlin aliases unset prod', does: 'remove it' },
  ],
  seeAlso: ['config', 'exec'],
  options: { context: SCOPE_OPTIONS.context },
  mendsSettings: true,
  async run({ args, app, config, positionals, several, note }): Promise<Result<readonly AliasRow[]>> {
    const { action = 'list', name } = positionals;
    const { path } = config.file;
    const { context } = args;
    if (action === 'list') {
      if (name !== undefined) throw new AppError('usage', `Unexpected argument: ${name}`);
      const settled = await app.config(context === undefined ? {} : { context });
      const rows = Object.entries(settled.aliases).map(([alias, identifiers]) => ({ alias, identifiers }));
      const none = `no aliases; azlin aliases set NAME IDENTIFIER… defines one in ${path}`;
      return { data: rows, notes: rows.length === 0 ? [none] : [] };
    }
    if (context !== undefined) throw new AppError('usage', '--context only works with azlin aliases list');
    if (name === undefined) throw new AppError('usage', `Missing name: azlin aliases ${action} NAME`);
    const key = `aliases.${name}`;
    if (action === 'unset') {
      if (several.length > 0) throw new AppError('usage', `Unexpected argument: ${several.join(', ')}`);
      // A file with a mistake can be mended this way.
      const settled = await app.config({}).catch(() => undefined);
      if (settled && !Object.hasOwn(settled.aliases, name))
        throw new AppError('usage', `There is no alias "${name}"`, { hint: 'azlin aliases lists them' });
      await changeSettings({ path, clock: app.clock }, [{ at: placeOfKey(key), value: undefined }]);
      note(`removed the alias "${name}" from ${path}`);
      return {};
    }
    if (several.length === 0)
      throw new AppError('usage', `Missing identifier: azlin aliases set ${shellWord(name)} IDENTIFIER…`);
    await changeSettings({ path, clock: app.clock }, [{ at: placeOfKey(key), value: valueFrom(key, several) }]);
    note(`set the alias "${name}" in ${path}`);
    return {};
  },
  view: aliasesView,
});
