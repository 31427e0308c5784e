import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const ACTION = fileURLToPath(new URL('../../action.yml', import.meta.url));

const LAST_STEP = "cancelled() && steps.install.outputs.action != ''";

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ActionFile {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean; readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

export function actionFile(): ActionFile {
  return parse(readFileSync(ACTION, 'utf8')) as ActionFile;
}

export interface ActionRun {
  readonly exitCode: number;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface RunnerSettings {
  /** The environment of the runner, which is that of a fleet. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where tools are kept between workflow jobs. */
  readonly tools: string;
}

export interface WorkflowJob {
  readonly runId: string;
  readonly attempt?: number;
  readonly variables?: Readonly<Record<string, string>>;
  /** The number of the matrix leg. */
  readonly leg?: number;
}

/** Does what the runner of GitHub Actions does with action.yml: its own scripts, environment files, expressions, and cancellation. */
export function startRunner({ environment, tools }: RunnerSettings) {
  const { inputs: declared, outputs: wanted, runs } = actionFile();
  return {
    /** Starts a workflow job, with a new folder for temporary files. */
    job({ runId, attempt = 1, variables = {}, leg = 0 }: WorkflowJob) {
      const temporary = mkdtempSync(join(tools, 'temp-'));
      let current: ChildProcess | undefined;
      let isCancelled = false;
      return {
        temporary,
        /** What the runner does first when somebody cancels the workflow. */
        cancel(signal: NodeJS.Signals = 'SIGINT') {
          isCancelled = true;
          current?.kill(signal);
        },
        /** Runs the action; `onLog` sees the log as it grows. */
        async use(
          inputs: Readonly<Record<string, string>>,
          onLog: (log: string) => void = () => {},
        ): Promise<ActionRun> {
          const given = {
            ...Object.fromEntries(Object.entries(declared).map(([name, one]) => [name, one.default ?? ''])),
            ...inputs,
          };
          const steps: Record<string, Record<string, string>> = {};
          const summary = join(temporary, `summary-${Math.random()}`);
          let log = '';
          let exitCode = 0;
          const evaluated = (text: string) =>
            text.replace(/\$\{\{ *([^}]+?) *\}\}/g, (_, name: string) =>
              lookUp(name, { inputs: given, steps, leg, repository: variables['ACTION_REPOSITORY'] ?? '' }),
            );
          for (const step of runs.steps) {
            const isDue =
              step.if === undefined ? exitCode === 0 && !isCancelled : isCancelled && steps['install'] !== undefined;
            if (step.if !== undefined && step.if !== LAST_STEP) throw new Error(`unknown condition ${step.if}`);
            if (!isDue || step.run === undefined) continue;
            const output = join(temporary, `output-${Math.random()}`);
            writeFileSync(output, '');
            const env = {
              ...environment,
              CI: 'true',
              GITHUB_ACTIONS: 'true',
              GITHUB_RUN_ID: runId,
              GITHUB_RUN_ATTEMPT: `${attempt}`,
              GITHUB_REPOSITORY: 'org/repo',
              GITHUB_JOB: 'deploy',
              GITHUB_ACTION_PATH: fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, ''),
              GITHUB_OUTPUT: output,
              GITHUB_STEP_SUMMARY: summary,
              RUNNER_TEMP: temporary,
              RUNNER_TOOL_CACHE: tools,
              ...variables,
              ...Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, evaluated(text)])),
            };
            const script = join(temporary, `step-${Math.random()}.sh`);
            writeFileSync(script, step.run);
            const code = await new Promise<number>((resolve) => {
              // As the runner does for `shell: bash`.
              const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
                env,
                stdio: ['ignore', 'pipe', 'pipe'],
              });
              current = child;
              for (const stream of [child.stdout, child.stderr])
                stream.on('data', (chunk: Buffer) => {
                  log += chunk.toString();
                  onLog(log);
                });
              child.once('close', (status) => resolve(status ?? 137));
            });
            exitCode ||= code;
            if (step.id !== undefined) steps[step.id] = entriesOf(readFileSync(output, 'utf8'));
          }
          const outputs = Object.fromEntries(
            Object.entries(wanted).map(([name, { value }]) => [name, evaluated(value)]),
          );
          return { exitCode, log, outputs, summary: existsSync(summary) ? readFileSync(summary, 'utf8') : '' };
        },
      };
    },
  };
}

interface Contexts {
  readonly inputs: Readonly<Record<string, string>>;
  readonly steps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly leg: number;
  /** The repository of the action; empty for one in the workflow's own. */
  readonly repository: string;
}

function lookUp(name: string, { inputs, steps, leg, repository }: Contexts): string {
  const [context, first = '', , last = ''] = name.split('.');
  if (context === 'inputs' && first in inputs) return inputs[first] ?? '';
  if (context === 'steps') return steps[first]?.[last] ?? '';
  const known: Readonly<Record<string, string>> = {
    'runner.os': 'Linux',
    'runner.arch': 'X64',
    'strategy.job-index': `${leg}`,
    'github.action_repository': repository,
  };
  const value = known[name];
  if (value === undefined) throw new Error(`unknown expression ${name}`);
  return value;
}

/** `NAME=VALUE` and `NAME<<END` of an environment file. */
function entriesOf(text: string): Record<string, string> {
  const entries: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, name = '', end] = /^([\w-]+)<<(.+)$/.exec(lines[at] ?? '') ?? [];
    if (end !== undefined) {
      const last = lines.indexOf(end, at + 1);
      entries[name] = lines.slice(at + 1, last).join('\n');
      at = last;
    } else {
      const [, key, value = ''] = /^([\w-]+)=(.*)$/.exec(lines[at] ?? '') ?? [];
      if (key !== undefined) entries[key] = value;
    }
  }
  return entries;
}
