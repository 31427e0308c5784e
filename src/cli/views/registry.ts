import { formatAge, formatDuration } from '../../domain/duration.ts';
import { count, printable } from '../../domain/text.ts';
import type { Check } from '../../operations/doctor/findings.ts';
import type { RegistryEvent, RegistryHealth, SessionRecord } from '../../registry/types.ts';
import type { View, ViewContext } from '../command.ts';
import { doctorView } from './doctor.ts';
import type { Column } from './table.ts';

/** Times are in milliseconds. */
export interface RegistryStatus extends RegistryHealth {
  readonly backend: string;
  readonly where: string;
  readonly keepEvents: number;
  readonly meanAge: number;
  readonly bytesPerRecord: number;
}

export type RegistryShown =
  | { readonly kind: 'status'; readonly status: RegistryStatus }
  | { readonly kind: 'records'; readonly records: readonly SessionRecord[] }
  | { readonly kind: 'record'; readonly record: SessionRecord; readonly events: readonly RegistryEvent[] }
  | { readonly kind: 'checks'; readonly checks: readonly Check[] }
  | { readonly kind: 'expired'; readonly expired: number };

const COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'USER', flexible: true },
  { title: 'CREATED' },
  { title: 'USED' },
  { title: 'EXPIRES' },
  { title: 'STATE', flexible: true },
];

/** `azlin registry`. */
export const registryView: View<RegistryShown> = {
  async text(shown, context) {
    switch (shown.kind) {
      case 'checks':
        return doctorView.text(shown.checks, context);
      case 'status':
        return statusText(shown.status);
      case 'record':
        return recordText(shown, context);
      case 'expired':
        return '';
      default:
        return recordsText(shown.records, context);
    }
  },
  records(shown) {
    switch (shown.kind) {
      case 'checks':
        return shown.checks;
      case 'status':
        return shown.status;
      case 'record':
        return { ...shown.record, events: shown.events };
      case 'expired':
        return { expired: shown.expired };
      default:
        return shown.records;
    }
  },
};

async function recordsText(records: readonly SessionRecord[], { width, now }: ViewContext): Promise<string> {
  if (records.length === 0) return '';
  const { table } = await import('./table.ts');
  const rows = records.map((one) => ({
    cells: [
      one.id,
      userOf(one),
      `${formatAge(now - one.createdAt)} ago`,
      `${formatAge(now - one.accessedAt)} ago`,
      expiryText(one, now),
      stateOf(one, now),
    ],
  }));
  return table(COLUMNS, rows, width);
}

function userOf({ metadata }: SessionRecord): string {
  const { user_id: user } = metadata;
  return user === undefined ? '-' : `${user}`;
}

function expiryText({ accessedAt, ttl }: SessionRecord, now: number): string {
  return ttl === null ? 'never' : `in ${formatAge(accessedAt + ttl - now)}`;
}

function stateOf({ disconnected }: SessionRecord, now: number): string {
  return disconnected ? `disconnected ${formatAge(now - disconnected.at)} ago: ${disconnected.reason}` : 'connected';
}

const NAME = 12;
const line = (name: string, value: string) => `${name.padEnd(NAME)}${printable(value)}\n`;

function recordText({ record, events }: RegistryShown & { readonly kind: 'record' }, { now }: ViewContext): string {
  const { id, version, reconnectCount, createdAt, accessedAt, metadata } = record;
  const facts = [
    line('id', id),
    line('state', stateOf(record, now)),
    line('created', `${formatAge(now - createdAt)} ago, ${new Date(createdAt).toISOString()}`),
    line('used', `${formatAge(now - accessedAt)} ago`),
    line('expires', expiryText(record, now)),
    line('version', `${version}${reconnectCount > 0 ? `, reconnected ${count(reconnectCount, 'time')}` : ''}`),
    ...Object.entries(metadata).map(([key, value]) =>
      line(key, typeof value === 'string' ? value : JSON.stringify(value)),
    ),
  ];
  return `${facts.join('')}\n${eventLines(events)}`;
}

function eventLines(events: readonly RegistryEvent[]): string {
  return events
    .map(({ at, kind, id }) => printable(`${new Date(at).toISOString()}  ${kind}  ${id}`))
    .join('\n')
    .concat('\n');
}

function statusText(status: RegistryStatus): string {
  const { backend, where, total, active, disconnected, ages, lastDay, bytesPerRecord } = status;
  const { keepEvents, recent } = status;
  const size = total === 0 ? '' : `; about ${bytesPerRecord} bytes each`;
  const facts = [
    line('backend', `${backend}, ${where}`),
    line('records', `${total}: ${active} connected, ${disconnected} disconnected${size}`),
    line(
      'last used',
      `${ages.healthy} less than 5 min ago, ${ages.aging} less than 10 min ago, ${ages.stale} longer ago`,
    ),
    line('last day', lastDayText(lastDay)),
    line('history', `kept for ${formatAge(keepEvents)}`),
  ];
  return recent.length === 0 ? facts.join('') : `${facts.join('')}\n${eventLines(recent.slice(0, SHOWN))}`;
}

const SHOWN = 5;
const round = (number: number) => `${Math.round(number * 10) / 10}`;

function lastDayText({ created, perHour, meanDuration, disconnectRate }: RegistryHealth['lastDay']): string {
  if (created === 0) return 'none created';
  const length =
    meanDuration === 0 ? '' : `, those that ended lasted ${formatDuration(Math.round(meanDuration))} on average`;
  return `${created} created, ${round(perHour)} an hour${length}; ${round(disconnectRate)} disconnections each`;
}
