import { join } from 'node:path';
import { countedClients } from '../../mcp/clients.ts';
import type { McpContext } from '../../mcp/context.ts';
import { agentSessions } from '../../mcp/sessions.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import type { Config } from '../../settings/config.ts';
import { appendChained } from '../../store/chained-log.ts';
import { auditFile } from '../audit-file.ts';
import { type DaemonSurroundings, daemonControl } from '../daemon-client.ts';

interface ContextParts extends Pick<McpContext, 'registry' | 'rules' | 'log'>, Pick<McpContext['vms'], 'onChange'> {
  readonly config: Config;
  readonly access: FleetAccess;
  readonly around: DaemonSurroundings & { readonly home: string };
}

/** What calls of agents work with, as the settings say. */
export function mcpContext({ config, access, around, registry, rules, log, onChange }: ContextParts): McpContext {
  const { wallClock: clock, home } = around;
  const { mcpMaxCalls: calls, mcpMaxSessions: sessions, mcpMaxJobs: jobs } = config;
  const { listDeadline: list, listWholeDeadline: listWhole, runTimeout: run, mcpLease: lease } = config;
  const path = auditFile(config);
  return {
    ...{ access, clock, registry, rules, log },
    sessions: agentSessions({ registry, access }),
    workdir: { root: join(home, '.ssh-workdir'), isUsual: config.mcpWorkdir },
    audit: (record) => appendChained({ path, clock }, record),
    limits: { list, listWhole, run, lease },
    clients: countedClients({ calls, sessions, jobs }, clock),
    vms: {
      onChange,
      async drop(hosts) {
        access.transport.release(hosts);
        await daemonControl(config, around).drop(hosts);
      },
    },
  };
}
