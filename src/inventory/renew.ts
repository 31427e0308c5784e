export interface Renewal {
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly config: Scope;
  readonly what: { readonly kind: 'vms' } | { readonly kind: 'sessions'; readonly host: string | undefined };
}

interface Scope {
  readonly subscriptions: readonly string[];
  readonly resourceGroup: string | undefined;
  readonly inventory: string;
  readonly context: string | undefined;
  readonly sources: { readonly context: string };
}

/** Asks Azure or VMs in a process of its own, which this one does not wait for; it leaves its answer in the cache. */
export async function renewBehind({ cli, environment, config, what }: Renewal): Promise<void> {
  // It takes longer to load than the rest of what completion needs.
  const { spawn } = await import('node:child_process');
  const [program = '', ...args] = cli;
  const { subscriptions, resourceGroup, inventory, context, sources } = config;
  const scope = [
    ...(subscriptions.length > 0 ? ['--subscription', subscriptions.join(',')] : []),
    ...(resourceGroup === undefined ? [] : ['--resource-group', resourceGroup]),
    ...['--inventory', inventory],
    ...(context !== undefined && sources.context === 'flag' ? ['--context', context] : []),
  ];
  const host = what.kind === 'sessions' && what.host !== undefined ? ['--host', what.host] : [];
  const list = what.kind === 'vms' ? ['list', '--all', '--no-sessions', '--refresh'] : ['list', ...host];
  const child = spawn(program, [...args, ...list, '--quiet', ...scope], {
    detached: true,
    stdio: 'ignore',
    env: environment,
  });
  // Nobody waits for it, and nobody is there to be told.
  child.on('error', () => {});
  child.unref();
}
