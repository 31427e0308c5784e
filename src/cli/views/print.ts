import type { View, ViewContext } from '../command.ts';

export type Format = 'table' | 'json' | 'ndjson' | 'csv';

/** The result in the wanted format, ready for stdout. `emitted`: how many records went out before. */
export async function render<Data>(
  view: View<Data>,
  data: Data,
  format: Format,
  context: ViewContext,
  emitted: number,
): Promise<string> {
  if (format === 'table') return view.text(data, context);
  const records = view.records(data);
  if (format === 'json') return `${JSON.stringify(records, null, 2)}\n`;
  const list = Array.isArray(records) ? (records as object[]) : [records];
  return format === 'ndjson' ? ndjson(list.slice(emitted)) : csv(list);
}

/** One JSON object a line. */
export function ndjson(records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

async function csv(records: readonly object[]): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  return stringify([...records], { header: true, record_delimiter: '\r\n' });
}
