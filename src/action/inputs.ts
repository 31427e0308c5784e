import { createHash } from 'node:crypto';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the workflow asks for. A text that it does not give is empty. */
export interface Inputs {
  readonly target: string;
  readonly run: string;
  readonly create: boolean;
  readonly shell: string;
  readonly timeout: string;
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly user: string;
  readonly durable: boolean;
  readonly job: string;
  readonly format: 'text' | 'json' | 'ndjson';
  readonly variables: readonly InputVariable[];
  readonly sshKey: string;
  readonly knownHosts: string;
}

export interface InputVariable {
  readonly name: string;
  readonly value: string;
}

/** Reads `INPUT_…`. Throws an Error that names the input. */
export function readInputs(environment: Environment): Inputs {
  const text = (name: string) => environment[`INPUT_${name.toUpperCase().replaceAll('-', '_')}`]?.trim() ?? '';
  const required = (name: string) => {
    if (text(name) === '') throw new Error(`the input "${name}" is missing`);
    return text(name);
  };
  const flag = (name: string, fallback: boolean) => {
    if (text(name) === '') return fallback;
    if (text(name) === 'true' || text(name) === 'false') return text(name) === 'true';
    throw new Error(`the input "${name}" must be true or false, not "${text(name)}"`);
  };
  const format = text('format') || 'text';
  if (format !== 'text' && format !== 'json' && format !== 'ndjson')
    throw new Error(`the input "format" must be text, json or ndjson, not "${format}"`);
  return {
    target: required('target'),
    run: `${required('run')}\n`,
    create: flag('create', true),
    shell: text('shell'),
    timeout: text('timeout'),
    subscription: text('subscription'),
    resourceGroup: text('resource-group'),
    user: text('user'),
    durable: flag('durable', true),
    job: text('job'),
    format,
    variables: variablesOf(text('env'), environment),
    sshKey: text('ssh-key'),
    knownHosts: text('known-hosts'),
  };
}

/** Reads `NAME=VALUE`, `NAME` for the value that the step has, or `NAME<<END`, lines, `END`. Errors never quote the text: it may hold secrets. */
function variablesOf(text: string, environment: Environment): readonly InputVariable[] {
  const lines = text.split(/\r?\n/);
  const variables: InputVariable[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]?.trim() ?? '';
    if (line === '') continue;
    const [, name = '', sign, rest = ''] = /^([A-Za-z_][A-Za-z0-9_]*)(?:(=|<<)(.*))?$/.exec(line) ?? [];
    const end = sign === '<<' ? lines.findIndex((one, index) => index > at && one.trim() === rest) : at;
    const value = sign === '=' ? rest : sign === '<<' ? lines.slice(at + 1, end).join('\n') : environment[name];
    if (name === '' || end < 0 || value === undefined)
      throw new Error(
        `line ${at + 1} of the input "env" must be NAME=VALUE, NAME<<END or the name of a variable that is set`,
      );
    variables.push({ name, value });
    at = end;
  }
  return variables;
}

/**
 * The id of the job. It is the same when a workflow run is run again, and different for a step that does something else. `occurrence`: how often this
 * workflow job has done the same before. The id depends on no secret.
 */
export function jobIdOf(inputs: Inputs, environment: Environment, occurrence: number): string {
  if (inputs.job !== '') return inputs.job;
  const again = occurrence === 0 ? '' : `-n${occurrence + 1}`;
  return `gh-${environment['GITHUB_RUN_ID'] ?? 'local'}-${stepHash(inputs, environment)}${again}`;
}

/** A hash that tells the steps of a run apart. */
export function stepHash(inputs: Inputs, environment: Environment): string {
  const { target, run, shell, user, subscription, resourceGroup } = inputs;
  // Without their values: these may be secrets, and a short one could be guessed from the hash.
  const names = inputs.variables.map(({ name }) => name);
  const where = [environment['GITHUB_REPOSITORY'], environment['GITHUB_WORKFLOW_REF'], environment['GITHUB_JOB']];
  const place = [user, subscription, resourceGroup];
  const what = [...where, environment['AZLIN_MATRIX'], target, run, shell, ...place, ...names];
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 10);
}
