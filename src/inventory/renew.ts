import { spawn } from 'node:child_process';

export interface Renewal {
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly subscriptions: readonly string[];
  readonly resourceGroup: string | undefined;
  readonly source: string;
}

/** Asks Azure in a process of its own, which this one does not wait for; it leaves its answer in the cache. */
export function renewBehind({ cli, environment, subscriptions, resourceGroup, source }: Renewal): void {
  const [program = '', ...args] = cli;
  const scope = [
    ...(subscriptions.length > 0 ? ['--subscription', subscriptions.join(',')] : []),
    ...(resourceGroup === undefined ? [] : ['--resource-group', resourceGroup]),
    ...['--inventory', source],
  ];
  const argv = [...args, 'list', '--all', '--no-sessions', '--refresh', '--quiet', ...scope];
  const child = spawn(program, argv, { detached: true, stdio: 'ignore', env: environment });
  // Nobody waits for it, and nobody is there to be told.
  child.on('error', () => {});
  child.unref();
}
