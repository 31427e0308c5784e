import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A real PostgreSQL server on loopback. */
export interface Postgres {
  readonly port: number;
  /** For a user who may make tables; with other hosts behind its own. */
  url(...others: readonly Postgres[]): string;
  /** Runs a statement as the superuser. */
  sql(text: string): string;
  /** A server that follows this one, and does not acknowledge what the follower does not have. */
  startStandby(): Promise<Postgres>;
  promote(): void;
  /** Kills it, as a power failure would. */
  kill(): void;
  close(): void;
}

const PASSWORD = 'a password that nobody may see';

const binaries = () => {
  const root = '/usr/lib/postgresql';
  const [version = ''] = existsSync(root) ? readdirSync(root).sort().reverse() : [];
  return join(root, version, 'bin');
};

/** PostgreSQL does not run as root. */
function asPostgres(program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): string {
  const path = join(binaries(), program);
  const isRoot = process.getuid?.() === 0;
  const [command, all] = isRoot ? ['runuser', ['-u', 'postgres', '--', path, ...args]] : [path, [...args]];
  return execFileSync(command, all, {
    encoding: 'utf8',
    env: { ...process.env, ...more },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function newFolder(): string {
  const directory = mkdtempSync('/tmp/azlin-pg-');
  chmodSync(directory, 0o755);
  const data = join(directory, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (process.getuid?.() === 0) {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    for (const one of [directory, data]) chownSync(one, id('-u'), id('-g'));
  }
  return directory;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export async function startPostgres(): Promise<Postgres> {
  const directory = newFolder();
  asPostgres('initdb', [
    '-D',
    join(directory, 'data'),
    '-A',
    'trust',
    '-U',
    'postgres',
    '--no-sync',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
  ]);
  const hba = join(directory, 'data', 'pg_hba.conf');
  writeFileSync(
    hba,
    'local all postgres trust\nhost replication postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  appendFileSync(
    join(directory, 'data', 'postgresql.conf'),
    "wal_level = replica\nmax_wal_senders = 4\nfsync = off\nshared_buffers = '32MB'\n",
  );
  const server = await start(directory);
  server.sql(`CREATE USER team PASSWORD '${PASSWORD}'`);
  server.sql('CREATE DATABASE registry OWNER team');
  return server;
}

async function start(directory: string): Promise<Postgres> {
  const port = await freePort();
  const data = join(directory, 'data');
  const log = join(directory, 'log');
  const options = `-p ${port} -k ${directory} -c listen_addresses=127.0.0.1`;
  asPostgres('pg_ctl', ['-D', data, '-w', '-t', '30', '-l', log, '-o', options, 'start']);
  const pid = () => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const self: Postgres = {
    port,
    url: (...others) =>
      `postgres://team:${encodeURIComponent(PASSWORD)}@${[self, ...others].map((one) => `127.0.0.1:${one.port}`).join(',')}/registry`,
    sql: (text) => asPostgres('psql', ['-h', directory, '-p', `${port}`, '-U', 'postgres', '-At', '-c', text]),
    async startStandby() {
      const folder = newFolder();
      const from = ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres'];
      rmSync(join(folder, 'data'), { recursive: true });
      asPostgres('pg_basebackup', [...from, '-D', join(folder, 'data'), '-R', '-X', 'stream', '-c', 'fast']);
      const auto = join(folder, 'data', 'postgresql.auto.conf');
      appendFileSync(
        auto,
        `primary_conninfo = 'host=127.0.0.1 port=${port} user=postgres application_name=follower'\n`,
      );
      const standby = await start(folder);
      self.sql("ALTER SYSTEM SET synchronous_standby_names = 'follower'");
      self.sql('SELECT pg_reload_conf()');
      return standby;
    },
    promote: () => void asPostgres('pg_ctl', ['-D', data, '-w', 'promote']),
    kill() {
      const main = pid();
      const children = spawnSync('pgrep', ['-P', `${main}`], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')
        .map(Number);
      for (const one of [main, ...children]) if (one > 1) process.kill(one, 'SIGKILL');
    },
    close() {
      try {
        asPostgres('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
      } catch {
        // It was killed.
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return self;
}
