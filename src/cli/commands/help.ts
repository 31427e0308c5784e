import { AppError } from '../../domain/errors.ts';
import { didYouMean } from '../../domain/nearest.ts';
import { commandNamed, defineCommand } from '../command.ts';
import { commandHelp, mainHelp, topicText } from '../help-text.ts';
import { TOPICS } from '../topics/index.ts';

export const help = defineCommand({
  usage: '[topic]',
  positionals: { topic: 'A topic or a command' },
  examples: [
    { line: 'azlin help', does: 'commands and topics' },
    { line: 'azlin help identifiers', does: 'how to name VMs and sessions, one or many' },
    { line: 'azlin help exec', does: 'the same as azlin exec --help' },
  ],
  seeAlso: ['identifiers', 'exit-codes', 'configuration', 'environment'],
  options: {},
  mendsSettings: true,
  async run({ positionals, contents, io, styles }) {
    const { topic: name } = positionals;
    const page = { width: Math.min(100, io.stdout.columns ?? 100), style: styles.stdout };
    if (name === undefined) return { data: mainHelp(contents, page) };
    const topic = TOPICS.find((one) => one.name === name);
    if (topic) return { data: await topicText(topic, page) };
    const [meant = name] = Object.hasOwn(contents.shorthands, name) ? (contents.shorthands[name] ?? []) : [];
    const command = await commandNamed(contents, meant);
    if (command) return { data: commandHelp(command, page) };
    const names = [...TOPICS, ...contents.entries].map((one) => one.name);
    throw new AppError('usage', `No command or topic is named "${name}"`, {
      hint: didYouMean(name, names, 'azlin help ') ?? `topics: ${TOPICS.map((one) => one.name).join(', ')}`,
    });
  },
  view: { text: (text: string) => text, records: (text: string) => ({ text }) },
});
