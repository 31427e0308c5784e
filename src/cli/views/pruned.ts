import { formatAge } from '../../domain/duration.ts';
import type { PrunedSession } from '../../operations/sessions/prune.ts';
import type { View } from '../command.ts';

const OUTCOMES: Readonly<Record<PrunedSession['outcome'], string>> = {
  closed: 'closed',
  'would-close': 'would be closed',
  kept: 'kept',
  failed: 'failed',
};

/** `azlin prune`. */
export const prunedView: View<readonly PrunedSession[]> = {
  async text(sessions, { width }) {
    if (sessions.length === 0) return '';
    const { table } = await import('./table.ts');
    const columns = [
      { title: 'HOSTNAME', flexible: true },
      { title: 'SESSION', flexible: true },
      { title: 'IDLE' },
      { title: 'WHY' },
      { title: 'OUTCOME', flexible: true },
    ];
    const rows = sessions.map(({ hostname, session, idleSeconds, why, outcome, reason }) => ({
      cells: [
        hostname,
        session,
        formatAge(idleSeconds * 1_000),
        why,
        `${OUTCOMES[outcome]}${reason === null ? '' : `: ${reason}`}`,
      ],
    }));
    return table(columns, rows, width);
  },
  records: (sessions) => sessions,
  fields: ['hostname', 'session', 'sessionName', 'idleSeconds', 'expiresAt', 'why', 'outcome', 'reason'],
};
