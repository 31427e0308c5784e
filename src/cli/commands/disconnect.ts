import { AppError } from '../../domain/errors.ts';
import { count, printable } from '../../domain/text.ts';
import { type Disconnected, type DisconnectRequest, disconnectSession } from '../../operations/sessions/disconnect.ts';
import { type CallContext, defineCommand, type View } from '../command.ts';
import { CHOOSE_OPTIONS, EACH_OPTIONS, meantBy } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { type Act, chooseEach, confirmMany, forEach } from '../many/act-on-each.ts';

/** Asks before a session ends that somebody else has open. */
function askFirst({ app, interrupts, caller }: CallContext): NonNullable<DisconnectRequest['ending']> {
  return async (where, others) => {
    const whole = `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} attached to ${where}`;
    if (!app.canAsk())
      throw new AppError('usage', `${whole}; it was not ended`, {
        hint: '--yes ends it all the same; azlin status shows who is there',
      });
    caller.progress(undefined);
    if (await app.confirm(`${whole}. End it?`, interrupts.signal)) return;
    throw new AppError('interrupted', 'Nothing was ended');
  };
}

const disconnectedView: View<Disconnected | readonly Disconnected[]> = {
  text: (data) => [data].flat().map(lineOf).join(''),
  records: (data) => data,
  fields: ['hostname', 'session', 'detached', 'killed'],
};

function lineOf({ hostname, session, detached, killed }: Disconnected): string {
  const clients = detached === 0 ? 'nobody was attached' : `${count(detached, 'client')} detached`;
  const which = printable(`${hostname}:${session}`);
  return killed ? `Ended ${which} (${clients})\n` : `${which}: ${clients}\n`;
}

export const disconnect = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: "vm:session, a session, a VM, or several: 'web-*:main'" },
  takesMany: true,
  examples: [
    { line: 'azlin disconnect myvm:dev', does: 'detach everybody' },
    { line: 'azlin disconnect dev', does: 'the only session of that name in the fleet' },
    {
      line: 'azlin disconnect myvm:dev --client bob@laptop',
      does: 'detach one; azlin status myvm:dev shows who is there',
    },
    { line: 'azlin disconnect myvm:dev --kill', does: 'end the session and what runs in it' },
    { line: "azlin disconnect '*:ci-*' --kill", does: 'end many; lists them and asks' },
  ],
  seeAlso: ['connect', 'prune', 'status'],
  options: {
    kill: { kind: 'flag', describe: 'End the session as well' },
    client: { kind: 'text', takes: 'LABEL', describe: 'Only the clients with this label; azlin status shows them' },
    yes: { kind: 'flag', short: 'y', describe: 'Do not ask before ending sessions' },
    ...CHOOSE_OPTIONS,
    ...EACH_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, caller } = call;
    const { kill, client, yes } = args;
    if (kill && client !== undefined)
      throw new AppError('usage', 'Give --kill or --client, not both: a session ends for everybody');
    if (yes && !kill) throw new AppError('usage', '--yes only works with --kill');
    const meant = meantBy(args, positionals['identifier'], { name: 'disconnect' });
    if (meant.kind === 'one') {
      const request = { target: meant.identifier, kill, client, ending: yes ? undefined : askFirst(call) };
      return { data: await disconnectSession(await access(), request, caller) };
    }
    const { choice, control } = await chooseEach(call, { ...args, refresh: args.refresh || kill }, meant);
    if (kill && !yes) await confirmMany(call, { choice, verb: 'End', what: 'What runs in them ends too' });
    const act: Act<Disconnected> = async (own, target, one) => {
      try {
        return await disconnectSession(own, { target, kill, client }, one);
      } catch (error) {
        // The client need not be attached to every session.
        if (error instanceof AppError && error.code === 'client-not-found') return undefined;
        throw error;
      }
    };
    const { values, ...rest } = await forEach(call, { choice, control, doing: 'Detaching', act });
    if (values.length === 0 && rest.exitCode === 0)
      throw new AppError(
        'client-not-found',
        `No client with the label "${client}" is attached to any of these sessions`,
        {
          hint: 'azlin list --wide shows who is attached to what',
        },
      );
    return { data: values, ...rest };
  },
  view: disconnectedView,
});
