import { AppError } from '../../domain/errors.ts';
import { type CallContext, commandNamed, type Described, defineCommand } from '../command.ts';
import { bashLine, bashWord } from '../completion/bash-line.ts';
import { isShell, SHELLS } from '../completion/shells.ts';
import { type Suggestions, suggest } from '../completion/suggest.ts';
import { typedLine } from '../completion/typed-line.ts';

/** What the scripts in completions/ call. It prints a line that says what follows, then one word per line. */
export const complete = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin __complete -- zsh azlin exec myvm:', does: 'words, each with a tab and a description' },
    { line: 'azlin __complete -- fish azlin list --', does: 'the same' },
    { line: "azlin __complete -- bash 'azlin connect my' 16 ' :='", does: 'words alone, as bash expects them' },
  ],
  seeAlso: ['completion'],
  options: {},
  remote: 'after-dashes',
  mendsSettings: true,
  async run({ remote, app, contents }) {
    // What is being typed may hold a secret.
    app.hideArguments();
    const vocabulary = { shorthands: contents.shorthands, describe: describer({ app, contents }) };
    const [shell, ...rest] = remote;
    if (shell === 'bash') {
      const [line = '', point = '', breaks = ''] = rest;
      // COMP_POINT counts bytes in some versions of bash and characters in others. They only differ if the line is not ASCII.
      const typed = bashLine(line.slice(0, Number(point) || undefined), breaks);
      if (typed.isRedirection) return { data: text(FILES, []) };
      const found = await suggest(await typedLine(afterName(typed.words), typed.current, vocabulary), {
        app,
        contents,
      });
      return {
        data: text(
          found,
          found.candidates.flatMap(({ value }) => bashWord(value, typed) ?? []),
        ),
      };
    }
    if (shell === undefined || !isShell(shell))
      throw new AppError('usage', `No completion for the shell "${shell}": expected ${SHELLS.join(', ')}`);
    // In PowerShell a dot follows it, because empty arguments may get lost there.
    const current = (rest.at(-1) ?? '').slice(0, shell === 'powershell' ? -1 : undefined);
    const found = await suggest(await typedLine(rest.slice(1, -1), current, vocabulary), { app, contents });
    return {
      data: text(
        found,
        found.candidates.map(({ value, description }) => `${value}\t${description}`),
      ),
    };
  },
  view: { text: (lines: string) => lines, records: (lines: string) => ({ lines }) },
});

const FILES: Suggestions = { kind: 'files', candidates: [] };

function text({ kind }: Suggestions, lines: readonly string[]): string {
  return `${[kind, ...lines].join('\n')}\n`;
}

/** The words after the name of the program, and after variables that are set for it. */
function afterName(words: readonly string[]): readonly string[] {
  return words.slice(words.findIndex((word) => !/^\w+=/.test(word)) + 1);
}

/** Describes commands from files that the build makes: loading a command would take longer than the rest of completion. */
function describer({ app, contents }: Pick<CallContext, 'app' | 'contents'>) {
  return async (name: string): Promise<Described | undefined> => {
    if (!contents.entries.some((one) => one.name === name)) return undefined;
    const text = await app.resource(`dist/commands/${name}.json`).catch(() => undefined);
    return text === undefined ? commandNamed(contents, name) : (JSON.parse(text) as Described);
  };
}
