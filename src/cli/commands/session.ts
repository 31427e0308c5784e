import { formatDuration } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type NamedSession, type NameRequest, nameSession } from '../../operations/sessions/name-session.ts';
import { type Args, type CallContext, defineCommand, type Result, type View } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { CHOOSE_OPTIONS, EACH_OPTIONS, type Meant, meantBy } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { type Act, chooseEach, forEach } from '../many/act-on-each.ts';

const namedView: View<NamedSession | readonly NamedSession[]> = {
  // For many sessions there is no single name to print; stderr says what was done.
  text: (data) => (!('sessionName' in data) || data.sessionName === null ? '' : `${printable(data.sessionName)}\n`),
  records: (data) => data,
  fields: ['hostname', 'session', 'sessionName', 'expiresAt', 'idleTtl'],
};

const LONGEST_TTL = 3_650 * 86_400_000;

export const session = defineCommand({
  usage: '[identifier] [name]',
  positionals: {
    identifier: 'vm:session, a session, a VM; or several, with --ttl or --clear',
    name: 'The friendly name to set',
  },
  takesMany: true,
  examples: [
    { line: 'azlin session myvm:dev', does: 'show it' },
    {
      line: 'azlin session myvm:dev production-deployment',
      does: 'set it; azlin connect production-deployment works now',
    },
    { line: 'azlin session myvm:dev --clear', does: 'remove it' },
    {
      line: 'azlin session myvm:dev --ttl 8h',
      does: 'keep it for 8 hours; then azlin prune may close it',
    },
    { line: 'azlin session myvm:dev --ttl 1d --idle', does: 'keep it until nobody has used it for a day' },
    { line: "azlin session '*:ci-*' --ttl 2h", does: 'for many' },
  ],
  seeAlso: ['rename', 'list', 'prune'],
  options: {
    clear: { kind: 'flag', describe: 'Remove the friendly name' },
    force: { kind: 'flag', describe: 'Set the name even if a session of another VM has it' },
    ttl: {
      kind: 'text',
      takes: 'TIME',
      describe: 'How long it is still needed (30m, 8h, 3d); "none" for no limit',
    },
    idle: { kind: 'flag', describe: 'With --ttl: count the time from the last activity in the session' },
    ...CHOOSE_OPTIONS,
    ...EACH_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, app, caller, note } = call;
    const name = positionals['name'];
    if (args.clear && name !== undefined) throw new AppError('usage', 'Give a friendly name or --clear, not both');
    if (args.force && (name === undefined || args.clear))
      throw new AppError('usage', '--force only works with a friendly name to set');
    const ttl = args.ttl === 'none' ? null : durationOf('ttl', args.ttl);
    if (ttl && ttl > LONGEST_TTL)
      throw new AppError('usage', `--ttl ${args.ttl} is longer than ten years`, {
        hint: '--ttl none sets no limit',
      });
    if (args.idle && !ttl)
      throw new AppError('usage', '--idle only works with --ttl and a time', { hint: '--ttl 8h --idle' });
    const friendlyName = args.clear ? null : name;
    const meant = meantBy(args, positionals['identifier'], { name: 'session' });
    if (meant.kind === 'many') return onMany({ ...call, args }, meant, { friendlyName, ttl, isIdle: args.idle });
    const request = { target: meant.identifier, friendlyName, ttl, isIdle: args.idle, force: args.force };
    const data = await nameSession(await access(), request, caller);
    const where = `${data.hostname}:${data.session}`;
    if (isOver(data, app.clock.now())) note(`${where} is past its limit, so azlin prune may close it`);
    else if (data.expiresAt !== null) note(`${where} is needed until ${until(data)}; azlin prune closes it after that`);
    else if (ttl === null) note(`${where} is kept until somebody ends it`);
    if (data.sessionName === null && !args.clear && ttl === undefined) note(`${where} has no friendly name`);
    return { data };
  },
  view: namedView,
});

type ManyArgs = Args<typeof CHOOSE_OPTIONS> & Args<typeof EACH_OPTIONS>;
type Wanted = Omit<NameRequest, 'target'>;

async function onMany(
  call: CallContext & { readonly args: ManyArgs },
  meant: Meant & { readonly kind: 'many' },
  wanted: Wanted,
): Promise<Result<readonly NamedSession[]>> {
  if (typeof wanted.friendlyName === 'string')
    throw new AppError('usage', 'A friendly name is for one session; for many there are --ttl and --clear');
  if (wanted.friendlyName === undefined && wanted.ttl === undefined)
    throw new AppError('usage', 'Missing option: many sessions need --ttl or --clear', {
      hint: 'azlin list shows all friendly names',
    });
  const { choice, control } = await chooseEach(call, call.args, meant);
  const act: Act<NamedSession> = (own, target, one) => nameSession(own, { ...wanted, target }, one);
  const { values, ...rest } = await forEach(call, { choice, control, doing: 'Setting', act });
  const [first] = values.toSorted((a, b) => (a.expiresAt ?? '').localeCompare(b.expiresAt ?? ''));
  if (wanted.ttl && first)
    call.note(`needed until ${until(first)}; azlin prune closes ${values.length === 1 ? 'it' : 'them'} after that`);
  return { data: values, ...rest };
}

function until({ expiresAt, idleTtl }: NamedSession): string {
  if (idleTtl === null) return `${expiresAt}`;
  return `nothing has happened there for ${formatDuration(idleTtl * 1_000)}, ${expiresAt} at the earliest`;
}

/** Whether nothing has happened there for that long already. */
function isOver({ expiresAt, idleTtl }: NamedSession, now: number): boolean {
  return idleTtl !== null && expiresAt !== null && Date.parse(expiresAt) <= now;
}
