import type { HostKeyRow } from '../../operations/host-key.ts';
import type { View } from '../command.ts';

/** `azlin host-key`: the keys, and where each stands. */
export const hostKeysView: View<readonly HostKeyRow[]> = {
  async text(rows, { width }) {
    if (rows.length === 0) return '';
    const { table } = await import('./table.ts');
    const columns = [
      { title: 'HOST' },
      { title: 'TYPE' },
      { title: 'FINGERPRINT' },
      { title: 'KEPT IN', flexible: true },
    ];
    const cells = rows.map(({ host, type, fingerprint, path, line, revoked }) => ({
      cells: [host, type, fingerprint, `${path}:${line}${revoked ? ' (revoked)' : ''}`],
    }));
    return table(columns, cells, width);
  },
  records: (rows) => rows,
  fields: ['host', 'type', 'fingerprint', 'path', 'line', 'revoked'],
};
