/** A named tmux session on a VM. */
export interface Session {
  /** tmux's own id: `$3`. Ids start again with each server. */
  readonly id: string;
  readonly name: string;
  /** The friendly name that the team gave it, kept on the tmux session itself. */
  readonly friendlyName: string | null;
  readonly windows: number;
  /** Clients attached now. */
  readonly attached: number;
  /** Seconds since 1970, by the VM's clock. */
  readonly createdAt: number;
  readonly activityAt: number;
  /** The name of one of the sessions that share its windows; the same for all of them. */
  readonly group: string;
  /** One name for each of its clients: the label if azlin started it, else its terminal. */
  readonly clients: readonly string[];
  /** When it is no longer needed, in seconds since 1970 by the VM's clock; null if it has no limit. */
  readonly expiresAt: number | null;
  /** Seconds after its last activity when it is no longer needed; null if its limit is a fixed time, or it has none. */
  readonly idleTtl: number | null;
  /** The label of whoever made it; null if azlin did not. Anybody who shares the account on the VM can change it. */
  readonly owner: string | null;
  /** Seconds since somebody typed in it, by the VM's clock; null if its time is not known. */
  readonly idle: number | null;
}

/** A tmux client attached to a session. */
export interface Client {
  /** What tmux calls it, usually its terminal on the VM. */
  readonly name: string;
  /** The label of its user; null if azlin did not start it. */
  readonly label: string | null;
  /** Tells the clients of one run of azlin from all others; null if azlin did not start it. */
  readonly token: string | null;
  /** The name of its session, and the group of sessions that share its windows. */
  readonly session: string;
  readonly group: string;
  /** Seconds since 1970, by the VM's clock. */
  readonly attachedAt: number;
  /** Seconds since somebody typed there. */
  readonly idle: number;
  /** Whether somebody has typed there since it was attached. */
  readonly hasTyped: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly readOnly: boolean;
}

/** What people call a client: its label, else its terminal. */
export function clientName({ label, name }: Pick<Client, 'label' | 'name'>): string {
  return label ?? name;
}

/** Why `name` cannot name a session, or `undefined` when it can. tmux would silently rename or misread what is refused here. */
export function sessionNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if ([...name].length > 64) return 'it is longer than 64 characters';
  if (/[:.]/.test(name)) return 'it contains ":" or "."';
  if (name.trim() !== name) return 'it starts or ends with whitespace';
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'it contains a control character';
  if (/^[-=$@%]/.test(name)) return `it starts with "${name.charAt(0)}"`;
  return undefined;
}

/** Whether it is tmux's id of a session. */
export function isSessionId(text: string): boolean {
  return /^\$\d{1,9}$/.test(text);
}

/** How an identifier names the session: its name, or tmux's id if it was given a name that cannot be in an identifier. */
export function sessionRef({ id, name }: Pick<Session, 'id' | 'name'>): string {
  return sessionNameProblem(name) === undefined ? name : id;
}

/** The sessions that `name` means on one VM: the one with that name or tmux id, else all with that friendly name. */
export function sessionsNamed(sessions: readonly Session[], name: string): readonly Session[] {
  if (isSessionId(name)) return sessions.filter(({ id }) => id === name);
  const exact = sessions.filter((session) => session.name === name);
  return exact.length > 0 ? exact : sessions.filter((session) => session.friendlyName === name);
}

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
  /** The names of the attached clients. */
  readonly clients: readonly string[];
  /** ISO 8601: when `azlin session --ttl` says it is no longer needed. */
  readonly expiresAt: string | null;
  /** The same by the name that lists use. */
  readonly neededUntil: string | null;
  readonly owner: string | null;
  readonly idleSeconds: number | null;
  /** tmux's own id: `$3`. `vm:$3` is an identifier too. */
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
  'neededUntil',
  'owner',
  'idleSeconds',
  'id',
  'probe',
] as const satisfies readonly (keyof SessionRow)[];
