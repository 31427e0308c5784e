/** How asking a VM for its sessions went. `skipped`: it was not asked. */
export type Probe = 'ok' | 'unreachable' | 'denied' | 'timed-out' | 'no-tmux' | 'skipped';

/** One session of one VM, or a VM without sessions. Fields are only ever added: this is what `--format json` prints. */
export interface SessionRow {
  readonly hostname: string;
  readonly session: string | null;
  readonly sessionName: string | null;
  readonly status: string;
  readonly ip: string | null;
  readonly publicIp: string | null;
  readonly privateIp: string | null;
  readonly region: string;
  readonly size: string;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
  readonly vmId: string;
  readonly attached: number | null;
  readonly windows: number | null;
  /** ISO 8601. */
  readonly createdAt: string | null;
  readonly activityAt: string | null;
  /** What those who are attached are called. */
  readonly clients: readonly string[];
  /** ISO 8601: when `azlin session --ttl` says it is no longer needed. */
  readonly expiresAt: string | null;
  /** tmux's own: `$3`. `vm:$3` is an identifier, too. */
  readonly id: string | null;
  readonly probe: Probe;
}

/** The fields of a row, in the order in which they are printed. */
export const SESSION_FIELDS = [
  'hostname',
  'session',
  'sessionName',
  'status',
  'ip',
  'publicIp',
  'privateIp',
  'region',
  'size',
  'resourceGroup',
  'subscriptionId',
  'vmId',
  'attached',
  'windows',
  'createdAt',
  'activityAt',
  'clients',
  'expiresAt',
  'id',
  'probe',
] as const satisfies readonly (keyof SessionRow)[];
