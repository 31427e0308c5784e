import type { Clock } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { type Choice, chooseTargets, namesOne } from '../../operations/many/choose.ts';
import type { Limits } from '../../operations/many/fan-out.ts';
import { describeChoice, type VmChoice } from '../../operations/vms/choose-vms.ts';
import type { Args, CallContext, Options } from '../command.ts';
import { durationOf } from './exec-options.ts';

/** Puts options under one heading in help. */
function underMany<const O extends Options>(options: O): O {
  const headed = Object.entries(options).map(([name, option]) => [name, { ...option, heading: 'Many' }]);
  return Object.fromEntries(headed) as O;
}

/** Options that choose VMs by what they are instead of by name. */
export const VMS_OPTIONS = underMany({
  tag: {
    kind: 'texts',
    takes: 'TAG',
    describe: 'VMs with this tag: KEY or KEY=VALUE; repeatable',
    choosesVms: true,
  },
  host: {
    kind: 'texts',
    takes: 'PATTERN',
    describe: 'VMs whose name matches this pattern; repeatable',
    choosesVms: true,
  },
  all: { kind: 'flag', describe: 'Every VM in scope', choosesVms: true },
});

/** Options that choose sessions of many VMs. */
export const CHOOSE_OPTIONS = underMany({
  ...VMS_OPTIONS,
  session: {
    kind: 'text',
    takes: 'SESSION',
    describe: 'Session, or pattern, with --tag, --host or --all',
  },
  refresh: { kind: 'flag', describe: 'Ask again, without caches' },
});

/** How many at once, and when to stop. */
export const EACH_OPTIONS = underMany({
  fanout: { kind: 'text', takes: 'N', describe: 'How many at once; default: 32' },
  deadline: { kind: 'text', takes: 'TIME', describe: 'Time limit for all of them together (90s, 10m)' },
  'fail-fast': { kind: 'flag', describe: 'Start no more after one has failed' },
  canary: { kind: 'text', takes: 'N', describe: 'Run on N first, and on the rest if they succeed' },
  exit: {
    kind: 'text',
    describe: 'Exit code: worst of all (default), 0 if any succeeded, or 0 only if all did, else 1',
    choices: ['worst', 'any', 'all'],
  },
});

/** The same for commands, which can be retried as long as they have not started. */
export const CONTROL_OPTIONS = underMany({
  ...EACH_OPTIONS,
  retry: { kind: 'text', takes: 'N', describe: 'Retry up to N times if the command could not be started' },
});

/** What becomes of the output of many. */
export const OUTPUT_OPTIONS = underMany({
  group: { kind: 'flag', describe: 'Show identical output once, and the rest as a diff' },
  'output-dir': {
    kind: 'text',
    takes: 'DIRECTORY',
    describe: 'Write the output to files here, one per target and stream',
  },
});

export type ExitPolicy = 'worst' | 'any' | 'all';

export type ControlArgs = Partial<Args<typeof CONTROL_OPTIONS>>;
type FleetArgs = Args<typeof CHOOSE_OPTIONS> & ControlArgs & Partial<Args<typeof OUTPUT_OPTIONS>>;

/** The VMs that options choose; undefined if none does. Throws `usage`. */
export function vmChoice(args: Args<typeof VMS_OPTIONS> & { readonly session?: string | undefined }) {
  const { tag: tags, host: hosts, all, session } = args;
  const isChosen = tags.length > 0 || hosts.length > 0 || all;
  if (!isChosen && session !== undefined)
    throw new AppError('usage', '--session goes with --tag, --host or --all', {
      hint: `for one VM, put it into the identifier: vm:${session}`,
    });
  if (all && (tags.length > 0 || hosts.length > 0))
    throw new AppError('usage', 'Give --all, or --tag and --host, not both');
  return isChosen ? { tags, hosts, session } : undefined;
}

/** VMs by name, or by what they are. Throws `usage`. */
export function vmsFrom(
  args: Args<typeof VMS_OPTIONS>,
  names: readonly string[],
  verb: string,
): readonly string[] | VmChoice {
  const choice = vmChoice(args);
  if (choice && names.length > 0)
    throw new AppError('usage', `Give "${names[0]}" or ${describeChoice(choice)}, not both`);
  if (!choice && names.length === 0)
    throw new AppError('usage', `Missing argument: azlin ${verb} <vm..>`, {
      hint: `give names, patterns like 'web-*', or --tag, --host, --all; see azlin ${verb} --help`,
    });
  return choice ?? names;
}

/** One identifier that is handled as usual, or something that means many. */
export type Meant =
  | { readonly kind: 'one'; readonly identifier: string }
  | { readonly kind: 'many'; readonly from: string | VmChoice; readonly isPlain: boolean };

/** Whether records were asked for by an option of this line, and not by a setting: then one command gives one, too. */
export function wantsRecords({ config }: Pick<CallContext, 'config'>): boolean {
  return config.format !== 'table' && config.sources.format === 'flag';
}

interface Meaning {
  /** The command, and what it takes, for hints. */
  readonly name: string;
  readonly takes?: 'identifier' | 'job';
  /** Whether one is handled like many. */
  readonly records?: boolean;
}

/** What the user means. Throws `usage`, `invalid-identifier`. */
export function meantBy(
  args: FleetArgs,
  identifier: string | undefined,
  { name, takes = 'identifier', records = false }: Meaning,
): Meant {
  const choice = vmChoice(args);
  if (choice && identifier !== undefined)
    throw new AppError('usage', `Give "${identifier}" or ${describeChoice(choice)}, not both`, {
      hint: "--session goes with --tag, --host or --all; 'web-*:main' needs no option",
    });
  if (choice) return { kind: 'many', from: choice, isPlain: false };
  if (identifier === undefined)
    throw new AppError('usage', `Missing argument: azlin ${name} <${takes}>`, {
      hint: `give ${takes === 'job' ? 'the id of a job, a' : 'an'} identifier, a pattern like 'web-*:main', or --tag, --host, --all; see azlin ${name} --help`,
    });
  const one = namesOne(identifier);
  const isMany = CONTROL.some((option) => args[option]) || args.group || args['output-dir'] || args.refresh;
  if (one !== undefined && !isMany && !records) return { kind: 'one', identifier: one };
  return { kind: 'many', from: identifier, isPlain: one !== undefined };
}

const CONTROL = Object.keys(CONTROL_OPTIONS) as readonly (keyof typeof CONTROL_OPTIONS)[];

/** Refuses a remote command that starts with what looks like an identifier. Throws `usage`. */
export function refuseIdentifier([first = '']: readonly string[], choice: string | VmChoice): void {
  if (typeof choice === 'string' || !/^[^\s:=/"'`$]+:[^\s:=/"'`$]+$/.test(first)) return;
  throw new AppError(
    'usage',
    `With ${describeChoice(choice)} no identifier is expected, but "${first}" looks like one`,
    {
      hint: `--session ${shellWord(first.split(':')[1] ?? '')} names the session; to run a command of that name, use sh -c`,
    },
  );
}

export interface Control {
  readonly limits: Limits;
  /** When all must have ended, in the time of the clock; undefined for no limit. */
  readonly until: number | undefined;
  readonly exit: ExitPolicy;
}

/** Throws `usage`. */
export function controlOf(args: ControlArgs, clock: Clock): Control {
  const deadline = durationOf('deadline', args.deadline);
  return {
    limits: {
      fanout: numberOf('fanout', args.fanout, 1) ?? 32,
      canary: numberOf('canary', args.canary, 1) ?? 0,
      failFast: args['fail-fast'] === true,
      retries: numberOf('retry', args.retry, 0) ?? 0,
    },
    until: deadline === undefined ? undefined : clock.now() + deadline,
    exit: (args.exit ?? 'worst') as ExitPolicy,
  };
}

function numberOf(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  throw new AppError('usage', `Invalid number "${text}" for --${option}`, {
    hint: `expected a whole number, ${least} or more`,
  });
}

export interface Choosing {
  readonly from: string | VmChoice;
  readonly refresh: boolean;
  /** Find out first which VMs have such a session. */
  readonly ask: boolean;
  /** VMs without a session. */
  readonly alone?: boolean;
  readonly control: Control;
}

/** Finds the targets that are meant, within the deadline for all of them. Rejects with an AppError if there are none. */
export async function choose(
  call: CallContext,
  { from, refresh, ask, alone = false, control: { until } }: Choosing,
): Promise<Choice> {
  const { app, config, caller } = call;
  const left = until === undefined ? Number.POSITIVE_INFINITY : Math.max(1, until - app.clock.now());
  const [deadline, wholeDeadline] = [config.listDeadline, config.listWholeDeadline].map((ms) => Math.min(ms, left));
  const request = {
    from,
    fresh: refresh,
    ask,
    alone,
    deadline: deadline ?? left,
    wholeDeadline: wholeDeadline ?? left,
  };
  return chooseTargets(await call.access(), request, caller);
}
