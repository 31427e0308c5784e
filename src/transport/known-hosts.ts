import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../domain/errors.ts';
import { shellWord } from '../domain/text.ts';

/** `accept-new` keeps the key of a host that is met for the first time; `strict` refuses it. */
export type HostKeyPolicy = 'accept-new' | 'strict';

export interface HostKeyCheck {
  readonly alias: string;
  /** What messages call the host. */
  readonly label: string;
  /** The public key as the server sent it, in SSH wire format. */
  readonly key: Buffer;
}

export interface KnownHosts {
  /** Key types known for the alias, so that the server can be asked for one of them. */
  knownTypes(alias: string): Promise<readonly string[]>;
  /** Throws `host-key-changed` or `host-key-unknown`; otherwise the key is the host's own. */
  check(check: HostKeyCheck): Promise<void>;
}

/** Host keys in OpenSSH's format, at `path`. */
export function knownHosts(path: string, policy: HostKeyPolicy, trace: (line: string) => void): KnownHosts {
  return {
    async knownTypes(alias) {
      return (await readEntries(path)).filter((entry) => entry.alias === alias).map((entry) => typeOfKey(entry.key));
    },
    async check({ alias, label, key }) {
      const known = (await readEntries(path)).filter((entry) => entry.alias === alias);
      if (known.some((entry) => entry.key.equals(key))) return;
      if (known[0]) throw changedKey({ alias, label, key }, known[0], path);
      if (policy === 'strict') throw unknownKey({ alias, label, key }, path);
      await keep(path, `${alias} ${typeOfKey(key)} ${key.toString('base64')}\n`);
      trace(`new host key of ${label}: ${fingerprint(key)}, kept in ${path}`);
    },
  };
}

/** The SHA256 fingerprint as OpenSSH prints it, with the key type. */
export function fingerprint(key: Buffer): string {
  const digest = createHash('sha256').update(key).digest('base64').replace(/=+$/, '');
  return `SHA256:${digest} (${typeOfKey(key).replace(/^ssh-|^ecdsa-sha2-/, '')})`;
}

async function keep(path: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // A file edited by hand may lack its last line break.
    const before = await readFile(path, 'utf8').catch(() => '');
    const start = before === '' || before.endsWith('\n') ? '' : '\n';
    // One short append is atomic: runs at the same time lose no entry.
    await appendFile(path, `${start}${line}`, { mode: 0o600 });
  } catch (error) {
    throw new AppError('config', `Cannot keep the host key in ${path}: ${messageOf(error)}`, {
      cause: error,
      hint: 'AZLIN_HOME must be a folder that you can write to',
    });
  }
}

interface Entry {
  readonly alias: string;
  readonly key: Buffer;
  /** Line number in the file, from 1. */
  readonly line: number;
}

async function readEntries(path: string): Promise<readonly Entry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    // Going on without the file would accept any key.
    throw new AppError('host-key-unknown', `Cannot read the known host keys in ${path}`, { cause: error });
  }
  return text.split('\n').flatMap((row, index) => {
    const [aliases = '', , encoded] = row.trim().split(/\s+/);
    if (aliases.startsWith('#') || encoded === undefined) return [];
    const key = Buffer.from(encoded, 'base64');
    return key.length < 4 ? [] : aliases.split(',').map((alias) => ({ alias, key, line: index + 1 }));
  });
}

function typeOfKey(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.subarray(4, 4 + length).toString('latin1');
}

function changedKey(offered: HostKeyCheck, known: Entry, path: string): AppError {
  return new AppError(
    'host-key-changed',
    `The host key of "${offered.label}" has changed: it may be another machine
  known:   ${fingerprint(known.key)}, ${path}:${known.line}
  offered: ${fingerprint(offered.key)}`,
    { hint: `if the VM was rebuilt on purpose: ssh-keygen -f ${shellWord(path)} -R ${shellWord(offered.alias)}` },
  );
}

function unknownKey(offered: HostKeyCheck, path: string): AppError {
  return new AppError(
    'host-key-unknown',
    `The host key of "${offered.label}" is not known: ${fingerprint(offered.key)}`,
    {
      hint: `compare it with the VM's own, then connect once with ssh.host_keys = "accept-new"; keys are kept in ${path}`,
    },
  );
}
