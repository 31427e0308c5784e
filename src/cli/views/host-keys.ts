import type { HostKeyRow } from '../../operations/vms/host-key.ts';
import type { View } from '../command.ts';

/** `azlin host-key`: the keys, and where each is kept. */
export const hostKeysView: View<readonly HostKeyRow[]> = {
  // Not cut to the terminal's width: the line number is at the end.
  async text(rows) {
    if (rows.length === 0) return '';
    const { table } = await import('./table.ts');
    const columns = [{ title: 'HOST' }, { title: 'TYPE' }, { title: 'FINGERPRINT' }, { title: 'KEPT IN' }];
    const cells = rows.map(({ host, type, fingerprint, path, line, revoked }) => ({
      cells: [host, type, fingerprint, `${path}:${line}${revoked ? ' (revoked)' : ''}`],
    }));
    return table(columns, cells, undefined);
  },
  records: (rows) => rows,
  fields: ['host', 'type', 'fingerprint', 'path', 'line', 'revoked'],
};
