import type { View, ViewContext } from '../command.ts';

export type Format = 'table' | 'json' | 'ndjson' | 'csv';

export interface Rendering<Data> {
  readonly view: View<Data>;
  readonly data: Data;
  readonly format: Format;
  readonly context: ViewContext;
}

/** The result in the wanted format, ready for stdout. */
export async function render<Data>({ view, data, format, context }: Rendering<Data>): Promise<string> {
  if (format === 'table') return view.text(data, context);
  const records = view.records(data);
  if (format === 'json') return `${JSON.stringify(records, null, 2)}\n`;
  const list = Array.isArray(records) ? (records as object[]) : [records];
  return format === 'ndjson' ? ndjson(list) : csv(list, view.fields);
}

/** One JSON object per line. */
export function ndjson(records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

async function csv(records: readonly object[], fields: readonly string[] | undefined): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  const columns = fields ? { columns: [...fields] } : {};
  return stringify([...records], { header: true, record_delimiter: '\r\n', ...columns });
}
