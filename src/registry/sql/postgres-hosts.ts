import { Client, type ClientConfig, types } from 'pg';
import { AppError, messageOf } from '../../domain/errors.ts';
import { keepSecret } from '../../domain/secrets.ts';
import { printable } from '../../domain/text.ts';
import type { Examined } from '../backend.ts';
import type { RunSql } from './sql-engine.ts';

/** Milliseconds to wait for the turn to write. */
export const TURN = 9_000;
/** Milliseconds for reaching one host, and for one statement. */
const [REACH, STATEMENT] = [2_000, 3_000];
/** Milliseconds after which the server ends by itself what its client has left: a transaction in which nothing happens, a statement, the wait for a turn. */
const LEFT = { idle: 5_000, statement: 30_000, turn: TURN - 500 };
const BIGINT = 20;

export interface Hosts {
  /** For messages, without the password. */
  readonly shown: string;
  readonly configs: readonly ClientConfig[];
}

/** One place to connect to for each host in the URL. */
export function hostsIn(url: string): Hosts {
  const wrong = () =>
    new AppError('config', 'The url of the registry is not that of a PostgreSQL database', {
      hint: 'postgres://user:password@host/database, with several hosts separated by commas; % and @ in a password as %25 and %40',
    });
  // Up to the last @: nothing of a password may be taken for a host, and shown.
  const [, scheme, login = '', hosts = '', rest = ''] =
    /^(postgres(?:ql)?:\/\/)(?:(.*)@)?([\w.:,[\]-]+)((?:[/?].*)?)$/s.exec(url) ?? [];
  if (scheme === undefined || /[/@?#]/.test(login)) throw wrong();
  try {
    const password = decodeURIComponent(login.split(':').slice(1).join(':'));
    if (password !== '') keepSecret(password);
  } catch {
    throw wrong();
  }
  const configs = hosts.split(',').map(
    (host): ClientConfig => ({
      connectionString: `${scheme}${login === '' ? '' : `${login}@`}${host}${rest}`,
      application_name: 'azlin',
      connectionTimeoutMillis: REACH,
      query_timeout: STATEMENT,
      keepAlive: true,
      idle_in_transaction_session_timeout: LEFT.idle,
      statement_timeout: LEFT.statement,
      lock_timeout: LEFT.turn,
      options: '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3',
      types: {
        getTypeParser: ((id: number, format: 'text') =>
          id === BIGINT ? Number : types.getTypeParser(id, format)) as typeof types.getTypeParser,
      },
    }),
  );
  return { shown: `${scheme}${hosts}${rest.replace(/\?.*/, '')}`, configs };
}

/** A connection to the host that is the primary now, or the last error. */
export async function anyPrimary({ configs }: Hosts): Promise<{ readonly client?: Client; readonly error?: unknown }> {
  let last: unknown;
  for (const config of configs) {
    const client = new Client(config);
    // It also speaks of its end while nobody waits for anything.
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
      if (!rows[0]?.standby) return { client };
      last = new Error('it is a standby');
    } catch (error) {
      last = error;
    }
    client.end().catch(() => {});
  }
  return { error: last };
}

/** SQLSTATE of what no other try can mend: who one is, what one may do, what there is. */
const HOPELESS = /^(?:28|42501|3D000|3F000|42)/;
/** SQLSTATE of a server that goes away, and what Node says of connections that broke. */
const BROKEN = /^(?:57P0|08|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET)/;

const codeOf = (error: unknown) => String((error as { code?: string } | undefined)?.code ?? '');
export const isHopeless = (error: unknown) => HOPELESS.test(codeOf(error));

export function isBroken(error: unknown): boolean {
  // A primary that has become a standby refuses to write.
  if (BROKEN.test(codeOf(error)) || codeOf(error) === '25006') return true;
  return codeOf(error) === '' && /terminated|timeout|not queryable|closed|read-only/i.test(messageOf(error));
}

export function cannotUse({ shown }: Hosts, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const hints: Readonly<Record<string, string>> = {
    '28P01': 'the password is wrong',
    '28000': 'the server does not let this user in: see its pg_hba.conf',
    '3D000': 'create the database: createdb',
    '42501': 'the user needs the right to create tables there: GRANT CREATE ON SCHEMA public TO the user',
  };
  const hint = hints[codeOf(cause)] ?? 'check the url, and that the server runs and lets this machine in';
  return new AppError('registry-failed', `Cannot use the registry ${shown}: ${messageOf(cause)}`, { cause, hint });
}

const TABLES = ['azlin_records', 'azlin_events', 'azlin_sequence'];
const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** Looks what kind of server the primary is, and what one may do there. */
export async function examineServer(run: RunSql, shown: string): Promise<readonly Examined[]> {
  const [about = {}] = await run(
    `SELECT current_setting('server_version') AS version, current_user AS login, current_setting('synchronous_standby_names') AS standbys`,
  );
  const rights = await run(
    `SELECT name, kind FROM unnest($1::text[]) AS name, unnest($2::text[]) AS kind WHERE NOT has_table_privilege(name, kind)`,
    [`{${TABLES}}`, `{${RIGHTS}}`],
  );
  const missing = rights.map(({ name, kind }) => `${kind} on ${name}`).join(', ');
  const version = printable(String(about['version']).split(' ')[0] ?? '');
  const login = printable(String(about['login']));
  const standbys = printable(String(about['standbys'] ?? ''));
  return [
    { status: 'ok', found: `${shown}, PostgreSQL ${version}` },
    missing === ''
      ? { status: 'ok', found: `${login} has all rights that are needed` }
      : { status: 'failed', found: `${login} lacks rights: ${missing}`, advice: `GRANT them to ${login}` },
    standbys === ''
      ? {
          status: 'warning',
          found: 'no standby is waited for: if the server dies, what was written last may be lost',
          advice: 'name one in synchronous_standby_names of postgresql.conf, unless that does not matter',
        }
      : { status: 'ok', found: `what is written is also at a standby: ${standbys}` },
  ];
}
