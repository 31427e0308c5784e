import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { keepSecret } from '../../domain/secrets.ts';
import { writeKept } from '../../store/kept-file.ts';
import { readOwnFile } from '../../store/trusted-file.ts';
import type { DaemonSurroundings } from '../daemon-client.ts';

/** The token that clients over HTTP must show: that of the environment, or one that is kept in a file. */
export async function tokenFor(home: string, environment: DaemonSurroundings['environment']) {
  const given = environment['AZLIN_MCP_TOKEN'];
  if (given) {
    if (!/^[\x21-\x7e]{8,}$/.test(given))
      throw new AppError('usage', 'Invalid AZLIN_MCP_TOKEN: expected 8 or more characters without spaces');
    keepSecret(given);
    return { token: given, where: 'AZLIN_MCP_TOKEN' };
  }
  const where = join(home, 'mcp-token');
  const kept = (await readOwnFile(where).catch(() => '')).trim();
  const token = /^[\w-]{43}$/.test(kept) ? kept : randomBytes(32).toString('base64url');
  if (token !== kept) await writeKept(where, `${token}\n`);
  keepSecret(token);
  return { token, where };
}
