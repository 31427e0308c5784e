import type { Config } from '../settings/config.ts';

/** Why the settings want no daemon; undefined if they want one. */
export function whyNoDaemon({ persist, settled }: Config): string | undefined {
  if (persist > 0) return undefined;
  const where = settled.find(({ name }) => name === 'persist')?.where;
  return `daemon.persist is 0 (${where})`;
}
