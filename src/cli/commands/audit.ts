import { AppError, messageOf } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { type Verified, verifyChained } from '../../store/chained-log.ts';
import { defineCommand, type View } from '../command.ts';

type Shown = Verified & { readonly path: string };

const auditView: View<Shown> = {
  text: ({ last }) => (last === null ? '' : `${last}\n`),
  records: (shown) => shown,
  fields: ['path', 'lines', 'last', 'broken'],
};

export const audit = defineCommand({
  usage: '<action> [file]',
  positionals: {
    action: { describe: 'What to do', choices: ['verify'] },
    file: 'A log of the calls of agents; by default mcp.audit',
  },
  examples: [
    {
      line: 'azlin audit verify',
      does: 'whether no line of the log was changed, removed or inserted; prints the last hash',
    },
    { line: 'azlin audit verify calls.jsonl', does: 'another file' },
    { line: 'azlin audit verify --format json', does: 'for programs' },
  ],
  seeAlso: ['mcp', 'history'],
  options: {},
  async run({ positionals, app, config }) {
    const path = positionals['file'] ?? app.auditFile(config);
    const verified = await verifyChained(path).catch((error: NodeJS.ErrnoException) => {
      const hint = error.code === 'ENOENT' ? 'azlin mcp writes it with the first call of an agent' : undefined;
      throw new AppError('usage', `Cannot read ${path}: ${messageOf(error)}`, { hint, cause: error });
    });
    const { lines, broken } = verified;
    if (broken)
      throw new AppError('config', `${path} is not as it was written: line ${broken.line}: ${broken.why}`, {
        hint: `the ${count(lines, 'line')} before it are whole`,
      });
    return { data: { path, ...verified }, notes: [`${path}: ${count(lines, 'line')}, all as written`] };
  },
  view: auditView,
});
