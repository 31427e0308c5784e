import type { VmEvent } from '../../daemon/knowledge.ts';
import { pause } from '../../domain/clock.ts';
import type { McpContext } from '../../mcp/context.ts';
import type { SeenChange } from '../../mcp/serve/change.ts';
import type { RegistryEvent } from '../../registry/record.ts';
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
  const tellEvent = (event: RegistryEvent) => {
    if (event.kind !== 'history') tell({});
    else if (event.entry.what === 'ended') tell({ hostname: event.entry.hostname, job: event.entry.job ?? '' });
  };
  const follow = async (until: AbortSignal) => {
    // What happens while the ways to hear of it are still being opened is told, too.
    const from = around.wallClock.now();
    const { daemonControl } = await import('../daemon-client.ts');
    const control = daemonControl(config, around);
    const fromVms = async () => {
      let since = from;
      const onEvent = ({ hostname, session, before, kind, job, at }: VmEvent) => {
        since = Math.max(since, at);
        if (job !== undefined) return tell({ hostname, job });
        const isListed = ['created', 'closed', 'renamed'].includes(kind);
        tell({ hostname, session, isListed, ...(before ? { before } : {}) });
      };
      // The daemon may not run yet, or end, and another one begin.
      for (; !until.aborted; await pause(around.wallClock, AGAIN, until).catch(() => {}))
        await control.events({ since, signal: until, onEvent }).catch(() => {});
    };
    const fromRecords = async () => {
      const open = await registry();
      const latest = (await open.history({ limit: 1 })).at(-1);
      for (const event of await open.history({ since: from })) tellEvent(event);
      for await (const event of open.events({ after: latest?.sequence ?? 0, signal: until })) tellEvent(event);
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
