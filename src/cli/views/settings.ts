import { printable } from '../../domain/text.ts';
import { SETTINGS, type Setting, type SettingName } from '../../settings/settings.ts';
import type { View } from '../command.ts';
import { EXPLAINED } from '../topics/settings.ts';

export interface SettingRow {
  readonly key: string;
  /** As it was given; null for a default. */
  readonly value: unknown;
  readonly source: string;
  /** The variable, or the file and the line; null for a default. */
  readonly where: string | null;
  /** The environment variable that sets it. */
  readonly variable: string | null;
  readonly name: SettingName;
}

type Shown = SettingRow | readonly SettingRow[] | { readonly kind: 'path'; readonly path: string };

/** A single setting is printed as its value alone, for scripts. */
export const settingsView: View<Shown> = {
  async text(shown, { style }) {
    if ('kind' in shown) return `${shown.path}\n`;
    // A script gets a value or nothing, never an explanation.
    if ('key' in shown) return hasValue(shown) ? `${printable(valueText(shown))}\n` : '';
    if (shown.length === 0) return '';
    const { table } = await import('./table.ts');
    // Paths are there to be copied, so nothing is cut.
    const columns = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }];
    const rows = shown.map((row) => ({
      cells: [row.key, valueText(row), row.source === 'context' ? `context, ${row.where}` : (row.where ?? 'default')],
      ...(row.source === 'default' ? { paint: style.dim } : {}),
    }));
    return table(columns, rows, undefined);
  },
  records: (shown) =>
    'kind' in shown ? { path: shown.path } : Array.isArray(shown) ? shown.map(record) : record(shown as SettingRow),
  fields: ['key', 'value', 'source', 'where', 'variable', 'default'],
};

function record({ name, ...row }: SettingRow) {
  return { ...row, default: EXPLAINED[name].fallback };
}

/** Whether there is a value to print: one that is set, or a default that could be set the same way. */
function hasValue({ value, name }: SettingRow): boolean {
  const { fallback } = SETTINGS[name] as Setting<unknown>;
  return value !== null || ['string', 'number'].includes(typeof fallback);
}

function valueText({ value, name }: SettingRow): string {
  if (value === null) return EXPLAINED[name].fallback;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
