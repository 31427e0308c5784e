import { formatAge } from '../../domain/duration.ts';
import { count } from '../../domain/text.ts';
import type { DaemonReport } from '../app.ts';
import type { View } from '../command.ts';

/** `azlin daemon status`: what the daemon is connected to. */
export const daemonView: View<DaemonReport | null> = {
  async text(report, { now, width }) {
    if (!report) return '';
    const { table } = await import('./table.ts');
    const { pid, startedAt, memory, servers } = report;
    const since = formatAge(now - startedAt);
    const head = `process ${pid}, started ${since} ago, ${(memory / 1_000_000).toFixed(0)} MB, connected to ${count(servers.length, 'server')}\n`;
    if (servers.length === 0) return head;
    const columns = [
      { title: 'HOSTNAME', flexible: true },
      { title: 'LOGIN' },
      { title: 'CONNECTIONS' },
      { title: 'RUNNING' },
      { title: 'LAST USED' },
    ];
    const cells = servers.map(({ label, place, connections, running, usedAt }) => ({
      cells: [label, place, `${connections}`, `${running}`, running > 0 ? 'now' : `${formatAge(now - usedAt)} ago`],
    }));
    return `${head}\n${await table(columns, cells, width)}`;
  },
  records: (report) => (report ? [report] : []),
  fields: ['pid', 'startedAt', 'memory', 'servers'],
};
