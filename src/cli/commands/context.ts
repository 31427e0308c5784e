import { AppError } from '../../domain/errors.ts';
import { didYouMean } from '../../domain/nearest.ts';
import { shellWord } from '../../domain/text.ts';
import { contextNameProblem } from '../../settings/setting-values.ts';
import { changeSettings, contextsIn, usesContext } from '../../settings/settings-edit.ts';
import { type Args, type CallContext, defineCommand, type Option, type Options, type Result } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { placeOfKey, valueFrom } from '../line/setting-words.ts';
import { type ContextsData, contextsView } from '../views/contexts.ts';

const ACTIONS = ['list', 'current', 'use', 'create', 'rename', 'delete', 'show'] as const;

/** The same option, but its value is stored in a context and not used now. */
function toKeep<const O extends Option>({ setting: _setting, ...option }: O): Omit<O, 'setting'> {
  return { ...option, heading: 'Options' };
}

/** What a context usually holds; `azlin config set --context` puts the rest into it. */
const HELD = {
  subscription: toKeep(SCOPE_OPTIONS.subscription),
  tenant: { kind: 'text', takes: 'TENANT', describe: 'The Azure tenant to sign in to' },
  'resource-group': toKeep(SCOPE_OPTIONS['resource-group']),
  inventory: toKeep(SCOPE_OPTIONS.inventory),
  user: toKeep(SSH_OPTIONS.user),
  port: toKeep(SSH_OPTIONS.port),
  identity: toKeep(SSH_OPTIONS.identity),
  jump: toKeep(SSH_OPTIONS.jump),
  'ssh-config': toKeep(SSH_OPTIONS['ssh-config']),
} as const satisfies Options;

const KEY_OF: Readonly<Record<keyof typeof HELD, string>> = {
  subscription: 'azure.subscriptions',
  tenant: 'azure.tenant',
  'resource-group': 'azure.resource_group',
  inventory: 'inventory.source',
  user: 'ssh.user',
  port: 'ssh.port',
  identity: 'ssh.identity',
  jump: 'ssh.proxyjump',
  'ssh-config': 'ssh.config_file',
};

export const context = defineCommand({
  usage: '[action] [name] [new-name]',
  positionals: {
    action: { describe: 'What to do; default: list', choices: ACTIONS },
    name: 'The name of a context; without one, show means the one in use',
    'new-name': 'With rename: its new name',
  },
  examples: [
    { line: 'azlin context create lab --subscription lab -l bob', does: 'create one' },
    { line: 'azlin context use lab', does: 'switch to it; azlin config unset context leaves it' },
    { line: 'azlin context', does: 'list them, and which is in use' },
    { line: 'azlin context show lab', does: 'show its settings' },
    {
      line: 'azlin context; azlin list --context lab',
      does: 'use it for one command; AZLIN_CONTEXT=lab for one shell',
    },
    { line: 'azlin context; azlin context current', does: 'the name of the one in use' },
    { line: 'azlin context rename lab test', does: 'give it another name' },
    { line: 'azlin context delete lab', does: 'delete its settings; no VM is touched' },
  ],
  seeAlso: ['config', 'init', 'configuration'],
  options: HELD,
  mendsSettings: true,
  async run(call) {
    const { positionals, args, app } = call;
    const { action = 'list', name } = positionals;
    const given = Object.keys(HELD).filter((one) => args[one as keyof typeof HELD] !== undefined);
    if (given.length > 0 && action !== 'create')
      throw new AppError('usage', `--${given[0]} only works with azlin context create`);
    const newName = positionals['new-name'];
    if (name === undefined && ['use', 'create', 'rename', 'delete'].includes(action))
      throw new AppError('usage', `Missing context: azlin context ${action} NAME`);
    if (name !== undefined && ['list', 'current'].includes(action))
      throw new AppError('usage', `Unexpected argument: ${name}`, {
        hint: `azlin context show ${shellWord(name)} shows one context`,
      });
    if (newName !== undefined && action !== 'rename') throw new AppError('usage', `Unexpected argument: ${newName}`);
    switch (action) {
      case 'create':
        return create({ ...call, args }, name ?? '');
      case 'use':
        return use(call, name ?? '');
      case 'rename':
        return rename(call, name ?? '', newName);
      case 'delete':
        return remove(call, name ?? '');
    }
    // A file with a mistake must not look like one without contexts.
    const settled = await app.config({});
    const rows = [...settled.file.contexts].map(([one, values]) => ({
      context: one,
      isUsed: one === settled.context,
      settings: Object.fromEntries(values),
    }));
    if (action === 'list') return { data: rows, notes: rows.length === 0 ? [NONE] : [] };
    const wanted = name ?? settled.context;
    if (wanted !== undefined && action === 'current') return { data: { current: wanted } };
    if (wanted === undefined) return { notes: [`no context is in use; azlin config shows the settings`] };
    const row = rows.find((one) => one.context === wanted);
    if (!row)
      throw noContext(
        wanted,
        rows.map((one) => one.context),
      );
    const hidden = settled.settled.filter(
      ({ key, source }) => row.isUsed && key in row.settings && source === 'environment',
    );
    return { data: row, notes: hidden.map(({ key, where }) => `${key}: ${where} takes precedence now`) };
  },
  view: contextsView,
});

const NONE = 'no contexts; azlin context create NAME --subscription … creates one';

type Shown = Result<ContextsData>;

async function create(call: CallContext & { readonly args: Args<typeof HELD> }, name: string): Promise<Shown> {
  const { args, app, config, note } = call;
  const problem = contextNameProblem(name);
  if (problem !== undefined) throw new AppError('usage', `Invalid context name "${name}": ${problem}`);
  if ((await contextsIn(config.file.path)).includes(name))
    throw new AppError('usage', `The context "${name}" already exists`, {
      hint: `azlin config set --context ${name} KEY VALUE changes it`,
    });
  const held = Object.entries(KEY_OF).flatMap(([option, key]) => {
    const text = args[option as keyof typeof HELD];
    return text === undefined ? [] : [{ key, value: valueFrom(key, [text]) }];
  });
  if (held.length === 0)
    throw new AppError('usage', `Missing settings for the context "${name}"`, {
      hint: `azlin context create ${name} --subscription ID; azlin context --help lists the other options`,
    });
  const changes = held.map(({ key, value }) => ({ at: ['contexts', name, ...placeOfKey(key)], value }));
  await changeSettings({ path: config.file.path, clock: app.clock }, changes);
  note(`created the context "${name}" in ${config.file.path}; azlin context use ${name} switches to it`);
  return {};
}

async function use(call: CallContext, name: string): Promise<Shown> {
  const { config, app, note } = call;
  const names = await contextsIn(config.file.path);
  if (!names.includes(name)) throw noContext(name, names);
  await changeSettings({ path: config.file.path, clock: app.clock }, [{ at: ['context'], value: name }]);
  note(`context "${name}" is now in use`);
  const variable = app.environment['AZLIN_CONTEXT'];
  return { notes: variable && variable !== name ? [`AZLIN_CONTEXT=${variable} takes precedence in this shell`] : [] };
}

async function rename(call: CallContext, name: string, newName: string | undefined): Promise<Shown> {
  const { app, config, note } = call;
  if (newName === undefined)
    throw new AppError('usage', `Missing new name: azlin context rename ${shellWord(name)} NEW-NAME`);
  const problem = contextNameProblem(newName);
  if (problem !== undefined) throw new AppError('usage', `Invalid context name "${newName}": ${problem}`);
  const names = await contextsIn(config.file.path);
  if (!names.includes(name)) throw noContext(name, names);
  if (names.includes(newName)) throw new AppError('usage', `The context "${newName}" already exists`);
  const values = (await app.config({})).file.contexts.get(name) ?? new Map();
  const isUsed = await usesContext(config.file.path, name);
  await changeSettings({ path: config.file.path, clock: app.clock }, [
    ...[...values].map(([key, value]) => ({ at: ['contexts', newName, ...placeOfKey(key)], value })),
    { at: ['contexts', name], value: undefined },
    ...(isUsed ? [{ at: ['context'], value: newName }] : []),
  ]);
  note(`renamed context "${name}" to "${newName}"`);
  return {};
}

async function remove(call: CallContext, name: string): Promise<Shown> {
  const { app, config, note } = call;
  const names = await contextsIn(config.file.path);
  if (!names.includes(name)) throw noContext(name, names);
  const wasUsed = await usesContext(config.file.path, name);
  const changes = [...(wasUsed ? [['context']] : []), ['contexts', name]].map((at) => ({ at, value: undefined }));
  await changeSettings({ path: config.file.path, clock: app.clock }, changes);
  note(`deleted context "${name}"`);
  return { notes: wasUsed ? ['it was in use; no context is in use now'] : [] };
}

function noContext(name: string, names: readonly string[]): AppError {
  const hint = didYouMean(name, names) ?? (names.length > 0 ? `contexts: ${names.join(', ')}` : NONE);
  return new AppError('usage', `There is no context "${name}"`, { hint });
}
