import type { CallToolResult } from '@modelcontextprotocol/server';

/** The text of a result. */
export function saidIn({ content: [first] }: CallToolResult): string {
  return first?.type === 'text' ? first.text : '';
}
