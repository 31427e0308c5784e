import { AppError } from '../../domain/errors.ts';
import type { Args } from '../command.ts';
import type { ATTACH_OPTIONS } from './options.ts';

/** `create`: only some commands have it. */
export type AttachArgs = Args<typeof ATTACH_OPTIONS> & { readonly create?: boolean };

const NEED_TMUX = ['read-only', 'take-over', 'independent', 'reconnect', 'create'] as const;

/** Refuses options that contradict each other. Throws `usage`. */
export function refuseContradictions(args: AttachArgs): void {
  const both = (one: string, other: string, why: string) =>
    new AppError('usage', `Give --${one} or --${other}, not both: ${why}`);
  const useless = args['no-tmux'] ? NEED_TMUX.find((name) => args[name]) : undefined;
  if (useless !== undefined) throw both('no-tmux', useless, 'a plain shell has no session to share or reattach');
  if (args.independent && args['take-over'])
    throw both('independent', 'take-over', 'a view of your own disturbs nobody');
  if (args.yes && !args['take-over']) throw new AppError('usage', '--yes only works with --take-over');
}

/** Refuses options about attaching where nothing is attached. Throws `usage`. */
export function refuseAttaching(args: AttachArgs, why: string): void {
  const useless = ([...NEED_TMUX, 'no-tmux'] as const).find((name) => name !== 'create' && args[name]);
  if (useless !== undefined) throw new AppError('usage', `${why}: leave out --${useless}`);
}
