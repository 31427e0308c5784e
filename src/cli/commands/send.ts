import { AppError } from '../../domain/errors.ts';
import { sendToSession } from '../../operations/send.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../options.ts';

export const send = defineCommand({
  name: 'send',
  usage: '<identifier> [text]',
  remote: 'after-dashes',
  positionals: { identifier: 'vm:session, a session, or a VM', text: 'Typed as it is; a line break is Enter' },
  summary: 'Type text and press keys in the active pane of a session',
  examples: [
    { line: "azlin send myvm:dev 'make test' --keys Enter", does: 'text, then keys' },
    { line: 'azlin send myvm:dev -- -x', does: 'text that starts with a dash' },
    { line: 'azlin send myvm:dev --keys C-c', does: 'interrupt what runs there' },
    { line: "azlin send myvm:dev --keys 'Escape : q Enter'", does: 'several keys' },
  ],
  options: {
    keys: { kind: 'texts', describe: 'Keys by the names that tmux has for them, after the text: C-c, Enter, Up' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, positionals, remote, access, note, interrupts }) {
    const { identifier = '', text = remote.join(' ') } = positionals;
    if (positionals['text'] !== undefined && remote.length > 0)
      throw new AppError('usage', 'Give the text once: as one word, or after --');
    const keys = args.keys.flatMap((words) => words.split(/\s+/).filter((word) => word !== ''));
    if (text === '' && keys.length === 0) throw new AppError('usage', 'There is nothing to type: give text or --keys');
    const target = await sendToSession(await access(), { identifier, text, keys }, interrupts.signal);
    note(`${target}: typed`);
    return {};
  },
});
