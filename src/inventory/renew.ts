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

/** Asks Azure or VMs in a separate process, which leaves its answer in the cache. Does not wait for it. */
export async function renewBehind({ cli, environment, config, what }: Renewal): Promise<void> {
  // Imported only here, because it takes longer to load than everything else that completion needs.
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
  // Nobody waits for the process, so there is nobody to report an error to.
  child.on('error', () => {});
  child.unref();
}
