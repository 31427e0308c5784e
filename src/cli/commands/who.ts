import { formatAge, formatTime } from '../../domain/duration.ts';
import { fleetStatus } from '../../operations/vms/fleet-status.ts';
import type { VmStatus } from '../../operations/vms/status.ts';
import { defineCommand, type View } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

/** Fields are only ever added: this is what `--format json` prints. */
interface Attachment {
  /** The label; null if azlin did not start it. */
  readonly label: string | null;
  /** What tmux calls it. */
  readonly client: string;
  readonly hostname: string;
  readonly session: string;
  readonly sessionName: string | null;
  /** ISO 8601. */
  readonly attachedAt: string | null;
  readonly idleSeconds: number;
  readonly readOnly: boolean;
}

/** A line for each client: people by name, and what each has last typed in first. */
const whoView: View<readonly Attachment[]> = {
  async text(clients, { width, now }) {
    if (clients.length === 0) return '';
    const { table } = await import('../views/table.ts');
    const time = (iso: string | null) => (iso === null ? '-' : width === undefined ? iso : formatTime(iso, now));
    const columns = [
      { title: 'WHO', flexible: true },
      { title: 'WHERE', flexible: true },
      { title: 'SINCE', dropped: 1 },
      { title: 'IDLE' },
    ];
    const rows = clients.map(({ label, client, hostname, session, attachedAt, idleSeconds, readOnly }) => ({
      cells: [
        `${label ?? client}${readOnly ? ' (read-only)' : ''}`,
        `${hostname}:${session}`,
        time(attachedAt),
        formatAge(idleSeconds * 1_000),
      ],
    }));
    return table(columns, rows, width);
  },
  records: (clients) => clients,
  fields: ['label', 'client', 'hostname', 'session', 'sessionName', 'attachedAt', 'idleSeconds', 'readOnly'],
};

export const who = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin who', does: 'who is attached to what, since when, and how long they are idle' },
    { line: 'azlin who | sort -k 2', does: 'by where they are' },
    { line: "azlin who --json | jq -r '.[].label'", does: 'for programs' },
  ],
  seeAlso: ['list', 'status', 'disconnect'],
  options: { ...SCOPE_OPTIONS, ...SSH_OPTIONS },
  async run({ access, config, caller }) {
    const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
    const { vms, failure } = await fleetStatus(
      await access(),
      { from: undefined, refresh: false, deadline, wholeDeadline },
      caller,
    );
    const data = vms.flatMap(attachmentsOf).sort(compare);
    const isWhole = vms.every(({ probe }) => probe === 'ok' || probe === 'skipped');
    return { data, failure, notes: data.length === 0 && isWhole ? ['nobody is attached'] : [] };
  },
  view: whoView,
});

function attachmentsOf({ hostname, sessions }: VmStatus): readonly Attachment[] {
  return sessions.flatMap(({ session, sessionName, clients }) =>
    clients.map(({ label, client, attachedAt, idleSeconds, readOnly }) => {
      const where = { hostname, session, sessionName };
      return { label, client, ...where, attachedAt, idleSeconds, readOnly };
    }),
  );
}

function compare(a: Attachment, b: Attachment): number {
  const [name, other] = [a.label ?? a.client, b.label ?? b.client];
  if (name !== other) return name < other ? -1 : 1;
  return a.idleSeconds - b.idleSeconds;
}
