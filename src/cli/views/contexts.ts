import { printable } from '../../domain/text.ts';
import type { View } from '../command.ts';

export interface ContextRow {
  readonly context: string;
  readonly isUsed: boolean;
  /** By their keys in the settings file. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One context, all of them, or the name of the one in use. */
export type ContextsData = ContextRow | readonly ContextRow[] | { readonly current: string };

export const contextsView: View<ContextsData> = {
  async text(shown, { width, style }) {
    if ('current' in shown) return `${printable(shown.current)}\n`;
    const { table } = await import('./table.ts');
    if ('context' in shown) {
      const rows = Object.entries(shown.settings).map(([key, value]) => ({ cells: [key, textOf(value)] }));
      return table([{ title: 'SETTING' }, { title: 'VALUE', flexible: true }], rows, width);
    }
    if (shown.length === 0) return '';
    const columns = [
      { title: 'USED' },
      { title: 'CONTEXT' },
      { title: 'SUBSCRIPTIONS', flexible: true },
      { title: 'RESOURCE GROUP', flexible: true },
      { title: 'USER' },
    ];
    const rows = shown.map(({ context, isUsed, settings }) => ({
      cells: [
        isUsed ? '*' : '',
        context,
        ...['azure.subscriptions', 'azure.resource_group', 'ssh.user'].map((key) => textOf(settings[key])),
      ],
      ...(isUsed ? { paint: style.bold } : {}),
    }));
    return table(columns, rows, width);
  },
  records: (shown) => shown,
  fields: ['context', 'isUsed', 'settings'],
};

function textOf(value: unknown): string {
  if (value === undefined) return '-';
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return printable(value.join(','));
  return printable(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
