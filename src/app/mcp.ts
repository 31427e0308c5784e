import type { Readable, Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import type { FleetAccess } from '../operations/access/fleet-access.ts';
import type { OwnRegistry } from '../registry/registry.ts';
import type { Config } from '../settings/config.ts';
import { appendChained } from '../store/chained-log.ts';
import { auditFile } from './audit-file.ts';
import { type DaemonSurroundings, daemonControl } from './daemon-client.ts';
import { backendAt, placeOfRegistry } from './registry/registry-place.ts';

export interface AgentRequest {
  readonly config: Config;
  readonly access: FleetAccess;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

/** Serves an agent over standard input and output until it has gone. */
export async function runMcp(request: AgentRequest, around: DaemonSurroundings): Promise<void> {
  const { serveOverStdio } = await import('../mcp/serve-stdio.ts');
  const { config, access, warn } = request;
  const { wallClock: clock } = around;
  const { mcpReadOnly: isReadOnly, mcpAllow: allow, mcpConfirm: confirm, mcpDeny: deny } = config;
  const path = auditFile(config);
  let opened: Promise<OwnRegistry> | undefined;
  const open = async () => {
    const { openRegistry } = await import('./registry/create-registry.ts');
    const place = placeOfRegistry(config);
    return openRegistry({ ...place, backend: await backendAt(place), preset: 'single', onWarning: warn });
  };
  try {
    await serveOverStdio(
      {
        ...{ access, clock, version: packageJson.version, log: warn },
        rules: { isReadOnly, allow, confirm, deny },
        audit: (record) => appendChained({ path, clock }, record),
        limits: { list: config.listDeadline, listWhole: config.listWholeDeadline, run: config.runTimeout },
        registry() {
          opened ??= open().catch((error: unknown) => {
            // It may work the next time.
            opened = undefined;
            throw error;
          });
          return opened;
        },
        drop: (hosts) => daemonControl(config, around).drop(hosts),
      },
      request,
    );
  } finally {
    await opened?.then((registry) => registry.close()).catch(() => {});
  }
}
