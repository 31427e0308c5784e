import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pause } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { keepSecret } from '../domain/secrets.ts';
import type { SeenChange } from '../mcp/change.ts';
import type { McpContext } from '../mcp/context.ts';
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { OwnRegistry } from '../registry/registry.ts';
import type { Config } from '../settings/config.ts';
import { appendChained } from '../store/chained-log.ts';
import { writeKept } from '../store/kept-file.ts';
import { readOwnFile } from '../store/trusted-file.ts';
import { auditFile } from './audit-file.ts';
import { type DaemonSurroundings, daemonControl } from './daemon-client.ts';
import { backendAt, placeOfRegistry } from './registry/registry-place.ts';

export interface AgentRequest {
  readonly config: Config;
  readonly access: FleetAccess;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Over HTTP instead, on this machine only. `onReady` gets the address, and where the token is. */
  readonly listen?:
    | { readonly host: string; readonly port: number; onReady(url: string, token: string): void }
    | undefined;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

/** Serves agents: one over standard input and output until it has gone, or several over HTTP until the signal aborts. */
export async function runMcp(
  request: AgentRequest,
  around: DaemonSurroundings & { readonly home: string },
): Promise<void> {
  const { config, access, listen, signal, warn } = request;
  const { wallClock: clock } = around;
  const { mcpReadOnly: isReadOnly, mcpAllow: allow, mcpConfirm: confirm, mcpDeny: deny } = config;
  const path = auditFile(config);
  let opened: Promise<OwnRegistry> | undefined;
  const open = async () => {
    const { openRegistry } = await import('./registry/create-registry.ts');
    const place = placeOfRegistry(config);
    return openRegistry({ ...place, backend: await backendAt(place), preset: 'single', onWarning: warn });
  };
  const registry = () => {
    opened ??= open().catch((error: unknown) => {
      // It may work the next time.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const [{ agentSessions }, { countedClients }] = await Promise.all([
    import('../mcp/sessions.ts'),
    import('../mcp/clients.ts'),
  ]);
  const context: McpContext = {
    ...{ access, clock, registry, log: warn },
    sessions: agentSessions({ registry, access }),
    workdir: { root: join(around.home, '.ssh-workdir'), isUsual: config.mcpWorkdir },
    rules: { isReadOnly, allow, confirm, deny },
    audit: (record) => appendChained({ path, clock }, record),
    limits: {
      list: config.listDeadline,
      listWhole: config.listWholeDeadline,
      run: config.runTimeout,
      lease: config.mcpLease,
    },
    clients: countedClients(
      { calls: config.mcpMaxCalls, sessions: config.mcpMaxSessions, jobs: config.mcpMaxJobs },
      clock,
    ),
    vms: {
      onChange: changes({ config, around, registry, signal }),
      async drop(hosts) {
        access.transport.release(hosts);
        await daemonControl(config, around).drop(hosts);
      },
    },
  };
  const { mcpService } = await import('../mcp/server.ts');
  const service = mcpService(context);
  try {
    if (!listen) {
      const { serveOverStdio } = await import('../mcp/serve-stdio.ts');
      return await serveOverStdio(service, request);
    }
    const { serveOverHttp } = await import('../mcp/serve-http.ts');
    const { token, where } = await tokenFor(config.home, around.environment);
    await serveOverHttp(service, { ...listen, token, signal, onReady: (url) => listen.onReady(url, where) });
  } finally {
    await opened?.then((one) => one.close()).catch(() => {});
  }
}

/** The token that clients over HTTP must show: that of the environment, or one that is kept in a file. */
async function tokenFor(home: string, environment: DaemonSurroundings['environment']) {
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

interface Following {
  readonly config: Config;
  readonly around: DaemonSurroundings;
  registry(): Promise<OwnRegistry>;
  readonly signal: AbortSignal;
}

/** What azlin's daemon sees on VMs, and what happens to records, as long as somebody wants to hear of it. Without a daemon, only the latter. */
function changes({ config, around, registry, signal }: Following): McpContext['vms']['onChange'] {
  const hearers = new Set<(change: SeenChange) => void>();
  let stopping: AbortController | undefined;
  const tell = (change: SeenChange) => {
    for (const hear of hearers) hear(change);
  };
  const follow = async (until: AbortSignal) => {
    const control = daemonControl(config, around);
    const fromVms = async () => {
      // The daemon may not run yet, or end, and another one begin.
      for (; !until.aborted; await pause(around.wallClock, AGAIN, until).catch(() => {}))
        await control
          .events({ since: null, signal: until, onEvent: ({ hostname, session }) => tell({ hostname, session }) })
          .catch(() => {});
    };
    const fromRecords = async () => {
      for await (const { kind } of (await registry()).events({ signal: until })) if (kind !== 'history') tell({});
    };
    await Promise.all([fromVms(), fromRecords()].map((one) => one.catch(() => {})));
  };
  return (hear) => {
    hearers.add(hear);
    if (!stopping) {
      stopping = new AbortController();
      void follow(AbortSignal.any([signal, stopping.signal]));
    }
    return () => {
      hearers.delete(hear);
      if (hearers.size > 0) return;
      stopping?.abort();
      stopping = undefined;
    };
  };
}

/** Milliseconds before a daemon that does not run is looked for again. */
const AGAIN = 1_000;
