import type { Readable, Writable } from 'node:stream';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import type { OwnRegistry } from '../../registry/registry.ts';
import type { Config } from '../../settings/config.ts';
import type { DaemonSurroundings } from '../daemon-client.ts';
import { mcpChanges } from './changes.ts';

export interface AgentRequest {
  readonly config: Config;
  access(): Promise<FleetAccess>;
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
  const { config, listen, signal, warn } = request;
  const { wallClock: clock } = around;
  const { mcpReadOnly: isReadOnly, mcpAllow: allow, mcpConfirm: confirm, mcpDeny: deny } = config;
  let opened: Promise<OwnRegistry> | undefined;
  const open = async () => {
    const [{ openRegistry }, { backendAt, placeOfRegistry }] = await Promise.all([
      import('../registry/create-registry.ts'),
      import('../registry/registry-place.ts'),
    ]);
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
  const rules = { isReadOnly, allow, confirm, deny };
  const onChange = mcpChanges({ config, around, registry, signal });
  const load = async () => {
    const [access, { mcpContext }] = await Promise.all([request.access(), import('./mcp-context.ts')]);
    return mcpContext({ config, access, around, registry, rules, log: warn, onChange });
  };
  const { mcpService } = await import('../../mcp/serve/server.ts');
  const service = mcpService({ load, onChange, clock, log: warn });
  if ([...allow, ...confirm, ...deny].length > 0) {
    const [{ guardBy }, { TOOL_NAMES }] = await Promise.all([
      import('../../mcp/guard.ts'),
      import('../../mcp/tool-names.ts'),
    ]);
    guardBy(rules, TOOL_NAMES);
  }
  // What calls need is loaded once the first answer is on its way; if that does not work, there is nothing to serve.
  const broken = new Promise<never>((_, reject) => clock.schedule(FIRST, () => void service.load().catch(reject)));
  broken.catch(() => {});
  try {
    if (!listen) {
      const { serveOverStdio } = await import('../../mcp/serve/stdio.ts');
      return await Promise.race([serveOverStdio(service, request), broken]);
    }
    const [{ serveOverHttp }, { tokenFor }] = await Promise.all([
      import('../../mcp/serve/http.ts'),
      import('./token.ts'),
    ]);
    // Whoever is told that it listens can call.
    await service.load();
    const { token, where } = await tokenFor(config.home, around.environment);
    const onReady = (url: string) => listen.onReady(url, where);
    await Promise.race([serveOverHttp(service, { ...listen, token, signal, onReady }), broken]);
  } finally {
    await opened?.then((one) => one.close()).catch(() => {});
  }
}

/** Milliseconds in which the first request of a client is answered. */
const FIRST = 50;
