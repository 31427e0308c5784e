import { formatAge, formatTime } from '../../domain/duration.ts';
import { printable } from '../../domain/text.ts';
import type { SessionStatus, VmStatus } from '../../operations/vms/status.ts';
import type { View, ViewContext } from '../command.ts';
import type { Column } from './table.ts';

export interface StatusData {
  readonly vms: readonly VmStatus[];
  /** Whether the user named one of them. */
  readonly one: boolean;
}

/** `azlin status`: one VM in detail, or a line for each. */
export const statusView: View<StatusData> = {
  text: ({ vms, one }, context) => (one && vms[0] ? details(vms[0], context) : overview(vms, context)),
  records: ({ vms, one }) => (one ? (vms[0] ?? {}) : vms),
  fields: ['hostname', 'status', 'size', 'region', 'resourceGroup', 'ip', 'fetchedAt', 'ageSeconds', 'probe', 'reason'],
};

async function overview(vms: readonly VmStatus[], { style, width }: ViewContext): Promise<string> {
  if (vms.length === 0) return '';
  const { table } = await import('./table.ts');
  const columns: Column[] = [
    { title: 'HOSTNAME', flexible: true },
    { title: 'STATUS' },
    { title: 'SIZE', flexible: true, dropped: 2 },
    { title: 'REGION', dropped: 1 },
    { title: 'IP', dropped: 3 },
    { title: 'SESSIONS' },
    { title: 'CLIENTS' },
  ];
  const rows = vms.map((vm) => {
    const clients = vm.sessions.reduce((sum, { clients: attached }) => sum + attached.length, 0);
    const unknown = vm.probe === 'skipped' ? '-' : '?';
    const [sessionCell, clientCell] = vm.probe === 'ok' ? [`${vm.sessions.length}`, `${clients}`] : [unknown, unknown];
    return {
      cells: [vm.hostname, vm.status ?? '-', vm.size || '-', vm.region || '-', vm.ip ?? '-', sessionCell, clientCell],
      paint: clients > 0 ? style.bold : style.dim,
    };
  });
  return table(columns, rows, width);
}

async function details(vm: VmStatus, context: ViewContext): Promise<string> {
  const { style } = context;
  const facts: readonly (readonly [string, string | null])[] = [
    ['status', vm.status],
    ['size', vm.size],
    ['region', vm.region],
    ['resource group', vm.resourceGroup],
    ['subscription', vm.subscriptionId],
    ['address', vm.ip],
    ['public', vm.publicIp],
    ['private', vm.privateIp],
    ['data', vm.status === null ? null : dataAge(vm)],
  ];
  const known = facts.filter((fact): fact is readonly [string, string] => Boolean(fact[1]));
  const lines = known.map(([name, value]) => `  ${name.padEnd(WIDTH)}${printable(value)}`);
  return `${[style.bold(printable(vm.hostname)), ...lines, `  ${'sessions'.padEnd(WIDTH)}${sessionsLine(vm)}`].join('\n')}\n${await sessionTable(vm.sessions, context)}`;
}

const WIDTH = 16;

function dataAge({ ageSeconds }: VmStatus): string {
  return ageSeconds < 2 ? 'asked just now' : `${formatAge(ageSeconds * 1_000)} old; --refresh asks Azure`;
}

function sessionsLine({ probe, reason, sessions }: VmStatus): string {
  if (probe === 'skipped') return `none: ${printable(reason ?? '')}`;
  return probe === 'ok' ? `${sessions.length}` : `unknown: ${printable(reason ?? '')}`;
}

/** A row for each client, and one for each session without any. */
async function sessionTable(sessions: readonly SessionStatus[], { width, now }: ViewContext): Promise<string> {
  if (sessions.length === 0) return '';
  const time = (iso: string | null) => (iso === null ? '-' : width === undefined ? iso : formatTime(iso, now));
  const { table } = await import('./table.ts');
  const named = sessions.some(({ sessionName }) => sessionName !== null);
  const ending = sessions.some(({ expiresAt }) => expiresAt !== null);
  const titles = ['SESSION', ...(named ? ['SESSION NAME'] : []), 'WINDOWS', ...(ending ? ['NEEDED UNTIL'] : [])];
  const titled = [...titles, 'CLIENT', 'SINCE', 'IDLE', 'SIZE'].map((title) => ({ title }));
  const rows = sessions.flatMap((one) => {
    const front = [
      one.session,
      ...(named ? [one.sessionName ?? '-'] : []),
      `${one.windows}`,
      ...(ending ? [time(one.expiresAt)] : []),
    ];
    if (one.clients.length === 0) return [{ cells: [...front, '-', '-', '-', '-'] }];
    return one.clients.map(({ label, client, attachedAt, idleSeconds, columns, rows: height, readOnly }) => ({
      cells: [
        ...front,
        `${label ?? client}${readOnly ? ' (read-only)' : ''}`,
        time(attachedAt),
        formatAge(idleSeconds * 1_000),
        `${columns}x${height}`,
      ],
    }));
  });
  return `\n${await table(titled, rows, undefined)}`;
}
