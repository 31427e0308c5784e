import type { View } from '../command.ts';

/** A job that was started and is not followed. */
export interface Detached {
  readonly id: string;
  readonly target: string;
}

export type ExecData =
  | (Detached & { readonly kind: 'job' })
  | { readonly kind: 'jobs'; readonly jobs: readonly Detached[] }
  | { readonly kind: 'results'; readonly records: readonly object[] }
  | { readonly kind: 'result'; readonly record: object };

/** What `azlin exec` itself prints; the output of commands does not come through here. */
export const execView: View<ExecData> = {
  async text(data, { width }) {
    if (data.kind === 'job') return `${data.id}\n`;
    if (data.kind === 'results' || data.kind === 'result') return '';
    const { table } = await import('./table.ts');
    const rows = data.jobs.map(({ id, target }) => ({ cells: [id, target] }));
    return table([{ title: 'JOB' }, { title: 'TARGET', flexible: true }], rows, width);
  },
  records(data) {
    if (data.kind === 'job') return { id: data.id, target: data.target };
    if (data.kind === 'result') return data.record;
    return data.kind === 'jobs' ? data.jobs : data.records;
  },
};
