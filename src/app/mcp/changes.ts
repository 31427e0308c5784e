import { pause } from '../../domain/clock.ts';
import type { McpContext } from '../../mcp/context.ts';
import type { SeenChange } from '../../mcp/serve/change.ts';
import type { OwnRegistry } from '../../registry/registry.ts';
import type { Config } from '../../settings/config.ts';
import type { DaemonSurroundings } from '../daemon-client.ts';

interface Following {
  readonly config: Config;
  readonly around: DaemonSurroundings;
  registry(): Promise<OwnRegistry>;
  readonly signal: AbortSignal;
}

/** What azlin's daemon sees on VMs, and what happens to records, as long as somebody wants to hear of it. Without a daemon, only the latter. */
export function mcpChanges({ config, around, registry, signal }: Following): McpContext['vms']['onChange'] {
  const hearers = new Set<(change: SeenChange) => void>();
  let stopping: AbortController | undefined;
  const tell = (change: SeenChange) => {
    for (const hear of hearers) hear(change);
  };
  const follow = async (until: AbortSignal) => {
    const { daemonControl } = await import('../daemon-client.ts');
    const control = daemonControl(config, around);
    const fromVms = async () => {
      // The daemon may not run yet, or end, and another one begin.
      for (; !until.aborted; await pause(around.wallClock, AGAIN, until).catch(() => {}))
        await control
          .events({ since: null, signal: until, onEvent: ({ hostname, session }) => tell({ hostname, session }) })
          .catch(() => {});
    };
    const fromRecords = async () => {
      for await (const event of (await registry()).events({ signal: until })) {
        if (event.kind !== 'history') tell({});
        else if (event.entry.what === 'ended') tell({ hostname: event.entry.hostname, job: event.entry.job ?? '' });
      }
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
