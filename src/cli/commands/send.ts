import { AppError } from '../../domain/errors.ts';
import { sendToSession } from '../../operations/sessions/send.ts';
import { type Args, type Call, defineCommand, type View } from '../command.ts';
import { CHOOSE_OPTIONS, EACH_OPTIONS, meantBy, type VMS_OPTIONS } from '../line/fleet-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { type Act, chooseEach, forEach } from '../many/act-on-each.ts';

/** People are told in a note; programs get the targets. */
const sentView: View<readonly string[]> = {
  text: () => '',
  records: (targets) => targets.map((target) => ({ target })),
  fields: ['target'],
};

export const send = defineCommand({
  usage: '[identifier] [text]',
  remote: 'after-dashes',
  positionals: {
    identifier: "vm:session, a session, a VM, or several: 'web-*:main'",
    text: 'The text to type; a line break presses Enter',
  },
  takesMany: true,
  examples: [
    { line: "azlin send myvm:dev 'make test' --keys Enter", does: 'text, then keys' },
    { line: 'azlin send myvm:dev -- -x', does: 'text that starts with a dash' },
    { line: 'azlin send myvm:dev --keys C-c', does: 'interrupt what runs there' },
    { line: "azlin send myvm:dev --keys 'Escape : q Enter'", does: 'several keys' },
    { line: "azlin send 'web-*:main' --keys C-c", does: 'to many' },
  ],
  seeAlso: ['run', 'logs'],
  options: {
    keys: {
      kind: 'texts',
      takes: 'KEY',
      describe: 'Keys to press after the text, by tmux name: C-c, Enter, Up',
    },
    ...CHOOSE_OPTIONS,
    ...EACH_OPTIONS,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, remote, access, note, caller } = call;
    const { identifier, text } = wordsOf(args, positionals, remote);
    const keys = args.keys.flatMap((words) => words.split(/\s+/).filter((word) => word !== ''));
    if (text === '' && keys.length === 0) throw new AppError('usage', 'Nothing to type: give text or --keys');
    const meant = meantBy(args, identifier, { name: 'send' });
    if (meant.kind === 'one') {
      const request = { target: meant.identifier, text, keys };
      const target = await sendToSession(await access(), request, caller);
      note(`${target}: typed`);
      return { data: [target] };
    }
    const { choice, control } = await chooseEach(call, args, meant);
    const act: Act<string> = (own, target, one) => sendToSession(own, { target, text, keys }, one);
    const { values, ...rest } = await forEach(call, { choice, control, doing: 'Typing', act });
    return { data: values, ...rest };
  },
  view: sentView,
});

/** If options say which VMs are meant, the first word is the text. Throws `usage`. */
function wordsOf(
  args: Args<typeof VMS_OPTIONS>,
  { identifier, text }: Call['positionals'],
  remote: readonly string[],
): { readonly identifier: string | undefined; readonly text: string } {
  const isChosen = args.all || args.host.length > 0 || args.tag.length > 0;
  const typed = isChosen ? identifier : text;
  if ((typed !== undefined && remote.length > 0) || (isChosen && text !== undefined))
    throw new AppError('usage', 'Give the text once: as one argument, or after --', {
      hint: isChosen ? '--session goes with --tag, --host or --all' : undefined,
    });
  return { identifier: isChosen ? undefined : identifier, text: typed ?? remote.join(' ') };
}
