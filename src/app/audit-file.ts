import { join } from 'node:path';
import type { Config } from '../settings/config.ts';

/** Where calls are written down. */
export function auditFile({ home, mcpAudit }: Config): string {
  return mcpAudit ?? join(home, 'mcp-audit.jsonl');
}
