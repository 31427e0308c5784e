import { defineCommand, type View } from '../command.ts';
import { SCOPE_OPTIONS } from '../line/options.ts';

interface AliasRow {
  readonly alias: string;
  readonly identifiers: readonly string[];
}

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
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin aliases', does: 'what each of them stands for' },
    { line: 'azlin aliases --format json', does: 'for programs' },
    { line: 'azlin aliases; azlin exec prod uptime', does: 'an alias can be used in place of an identifier' },
  ],
  seeAlso: ['config', 'exec'],
  options: { context: SCOPE_OPTIONS.context },
  async run({ config }) {
    const rows = Object.entries(config.aliases).map(([alias, identifiers]) => ({ alias, identifiers }));
    const none = `no aliases; define them under [aliases] in ${config.file.path}: prod = ["web-1:main", "web-2:main"]`;
    return { data: rows, notes: rows.length === 0 ? [none] : [] };
  },
  view: aliasesView,
});
