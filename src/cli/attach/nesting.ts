import type { CallContext } from '../command.ts';

/** Warns that the outer tmux takes the keys of the inner one. Only once for each tmux that azlin runs in. */
export async function warnOfNesting({
  app,
  config,
  warn,
}: Pick<CallContext, 'app' | 'config' | 'warn'>): Promise<void> {
  const outer = app.environment['TMUX'];
  if (!outer) return;
  const { isFirstTime } = await import('../../store/first-time.ts');
  if (!(await isFirstTime(config.home, `tmux ${outer}`))) return;
  warn('this terminal is already inside tmux: press the prefix key (Ctrl-B) twice to reach the session on the VM');
}
