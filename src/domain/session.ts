/** A named tmux session on a VM. */
export interface Session {
  readonly name: string;
  /** The friendly name that the team gave it, kept on the tmux session itself. */
  readonly friendlyName: string | null;
  readonly windows: number;
  /** Clients attached now. */
  readonly attached: number;
  /** Seconds since 1970, by the VM's clock. */
  readonly createdAt: number;
  readonly activityAt: number;
}

/** A tmux client attached to a session. */
export interface Client {
  /** What tmux calls it, usually its terminal on the VM. */
  readonly name: string;
  /** The name of its session. */
  readonly session: string;
  /** Seconds since 1970, by the VM's clock. */
  readonly attachedAt: number;
  /** Seconds since somebody typed there. */
  readonly idle: number;
  readonly columns: number;
  readonly rows: number;
  readonly readOnly: boolean;
}

/** Why `name` cannot name a session, or `undefined` when it can. tmux would silently rename or misread what is refused here. */
export function sessionNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if ([...name].length > 64) return 'it is longer than 64 characters';
  if (/[:.]/.test(name)) return 'it contains ":" or "."';
  if (name.trim() !== name) return 'it starts or ends with white space';
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'it contains a control character';
  if (/^[-=$@%]/.test(name)) return `it starts with "${name.charAt(0)}"`;
  return undefined;
}

/** The session that `name` means on one VM: the session name itself wins, else every friendly name that equals it. */
export function sessionsNamed(sessions: readonly Session[], name: string): readonly Session[] {
  const exact = sessions.filter((session) => session.name === name);
  return exact.length > 0 ? exact : sessions.filter((session) => session.friendlyName === name);
}
