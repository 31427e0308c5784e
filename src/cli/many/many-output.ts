import type { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import type { Choice } from '../../operations/many/choose.ts';
import type { OutputSink } from '../../operations/many/exec-many.ts';
import {
  fileSink,
  type Gathered,
  lineSink,
  memorySink,
  plainSink,
  tailSink,
  tee,
} from '../../operations/many/output-sinks.ts';
import { labelOf, type TargetResult } from '../../operations/many/target-result.ts';
import type { CallContext } from '../command.ts';
import type { Style } from '../output/style.ts';
import { outputFields, recordOf } from '../views/many.ts';

export interface OutputWishes {
  readonly choice: Choice;
  /** `isPlain`: only one identifier was given, so its output needs no name before it. */
  readonly meant: { readonly isPlain: boolean };
  readonly group: boolean;
  readonly outputDir: string | undefined;
}

export interface ManyOutput {
  readonly sink: OutputSink;
  /** The last line that a target wrote to stderr. */
  readonly lastWords: (target: string) => string;
  readonly recordOf: (result: TargetResult) => object;
  /** Prints what could not be printed before all have ended. */
  finish(results: readonly TargetResult[]): Promise<void>;
  /** Why output could not be written. */
  failure(): AppError | undefined;
}

/** Whether results are printed as records, not as the commands print them. */
export function givesRecords({ config }: Pick<CallContext, 'config'>, group: boolean): boolean {
  return config.format !== 'table' && !group;
}

/** Where the output of many commands goes, by the options and the format. `broken` is called when it cannot be written there any more. */
export async function manyOutput(
  call: CallContext,
  { choice, meant, group, outputDir }: OutputWishes,
  broken: (error: AppError) => void,
): Promise<ManyOutput> {
  const isRecords = givesRecords(call, group);
  const gathered = new Map<string, Gathered>();
  const tails = tailSink();
  let failure: AppError | undefined;
  const withOutput = (result: TargetResult) => {
    const said = gathered.get(result.target);
    return { ...recordOf(result), ...(said ? outputFields(said) : {}) };
  };
  const sinks: OutputSink[] = [tails];
  if (outputDir !== undefined)
    sinks.push(
      await fileSink(outputDir, (error) => {
        failure ??= error;
        broken(error);
      }),
    );
  if (group || isRecords) sinks.push(gatheringSink(call, gathered, isRecords ? withOutput : undefined));
  else if (outputDir === undefined) sinks.push(meant.isPlain ? plainSink(call) : await namedLines(call, choice));
  return {
    sink: tee(sinks),
    lastWords: tails.lastWords,
    recordOf: withOutput,
    failure: () => failure,
    async finish(results) {
      if (!group) return;
      const { groupsText } = await import('../views/groups.ts');
      for (const stream of ['stdout', 'stderr'] as const) {
        const said = results.flatMap(({ target }) => {
          const one = gathered.get(target);
          return one ? [{ target, output: one[stream], isCut: one.isCut }] : [];
        });
        const isTerminal = call.io[stream].isTTY === true;
        await call.print(stream, groupsText(said, { style: call.styles[stream], isTerminal }));
      }
    },
  };
}

/** Keeps the output of each target until the target ends. Then the output is printed as a record, or kept until all have ended. */
function gatheringSink(
  { emit, warn }: CallContext,
  gathered: Map<string, Gathered>,
  withOutput: ((result: TargetResult) => object) | undefined,
): OutputSink {
  const memory = memorySink();
  return {
    write: memory.write,
    end(result) {
      if (result.outcome.kind === 'absent') return undefined;
      const said = memory.taken(result.target);
      if (said.isCut) warn(`${result.target}: only the first 8 MiB of output is shown; --output-dir keeps all of it`);
      gathered.set(result.target, said);
      if (!emit || !withOutput) return undefined;
      const record = withOutput(result);
      gathered.delete(result.target);
      return emit([record]);
    },
  };
}

const WIDEST_PREFIX = 40;
const COLOURS = ['cyan', 'green', 'yellow', 'magenta', 'blue'] as const satisfies readonly (keyof Style)[];

/** Lines with a prefix, `web-1:main  | `, of the same width for all and a colour for each. */
async function namedLines({ print, io, styles, warn }: CallContext, { chosen }: Choice): Promise<OutputSink> {
  const { padTo, widthOf } = await import('../../terminal/cells.ts');
  const names = chosen.map(labelOf);
  const width = names.reduce((most, name) => Math.min(WIDEST_PREFIX, Math.max(most, widthOf(printable(name)))), 0);
  const prefixes = new Map(
    names.map((name, index) => {
      const colour = COLOURS[index % COLOURS.length] ?? 'cyan';
      const text = `${padTo(printable(name), width)} | `;
      return [name, { stdout: styles.stdout[colour](text), stderr: styles.stderr[colour](text) }] as const;
    }),
  );
  return lineSink({
    print,
    prefixOf: (target, stream) => prefixes.get(target)?.[stream] ?? `${printable(target)} | `,
    isTerminal: (stream) => io[stream].isTTY === true,
    warn,
  });
}
