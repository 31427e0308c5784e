import { AppError } from '../../domain/errors.ts';
import { listNames } from '../../domain/fold-names.ts';
import { count, shellWord } from '../../domain/text.ts';
import { describeChoice } from '../../operations/vms/choose-vms.ts';
import { changePower, meantVms, type PowerRow, type PowerVerb, whatRunsOn } from '../../operations/vms/power.ts';
import type { Args, Call, Result } from '../command.ts';
import { type VMS_OPTIONS, vmsFrom } from '../line/fleet-options.ts';

interface Ending {
  readonly verb: Exclude<PowerVerb, 'start'>;
  /** How the question starts: `Stop and deallocate`. */
  readonly question: string;
  /** What was not done after all: `stopped`. */
  readonly done: string;
}

type EndingCall = Call & { readonly args: Args<typeof VMS_OPTIONS> & { readonly yes: boolean } };

/** Does to VMs what ends their sessions, after showing what runs there and asking. Rejects with `usage` if nobody can be asked. */
export async function endingSessions(
  { args, several, access, app, config, note, caller }: EndingCall,
  { verb, question, done }: Ending,
): Promise<Result<readonly PowerRow[]>> {
  const work = { access: await access(), caller };
  // The user is asked about these VMs, so their states must be fresh.
  const from = vmsFrom(args, several, verb);
  const { vms, notes } = await meantVms(work, from, { verb, isFresh: !args.yes });
  for (const line of notes) note(line);
  if (!args.yes && vms.length > 0) {
    if (!app.canAsk())
      throw new AppError('usage', `Confirmation needed to ${verb} VMs, but this is not a terminal`, {
        hint: `azlin ${verb} ${'tags' in from ? describeChoice(from) : from.map(shellWord).join(' ')} --yes`,
      });
    for (const { text } of await whatRunsOn(work, vms, config.listDeadline)) note(text);
    const names = listNames(vms.map(({ hostname }) => hostname));
    const whole = `${question} ${vms.length === 1 ? names : `${count(vms.length, 'VM')} (${names})`}?`;
    if (!(await app.confirm(whole, caller.signal))) throw new AppError('interrupted', `Nothing was ${done}`);
  }
  const { rows, failure } = await changePower(work, verb, vms);
  return { data: rows, failure };
}
