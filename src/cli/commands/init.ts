import { AppError, toAppError } from '../../domain/errors.ts';
import { count, printable, shellWord } from '../../domain/text.ts';
import { mayAnswer, type Vm } from '../../domain/vm.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import type { Config } from '../../settings/config.ts';
import type { Detected } from '../../settings/detected.ts';
import type { SettingName } from '../../settings/settings.ts';
import { changeSettings } from '../../settings/settings-edit.ts';
import { type Args, type CallContext, defineCommand, type Options, type Result } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { placeOfKey, valueFrom } from '../line/setting-words.ts';

/** The heading in help: here these options are the command's own. */
const heading = 'Options';

const OPTIONS = {
  subscription: { ...SCOPE_OPTIONS.subscription, heading },
  'resource-group': { ...SCOPE_OPTIONS['resource-group'], heading },
  inventory: { ...SCOPE_OPTIONS.inventory, heading },
  user: { ...SSH_OPTIONS.user, setting: 'sshUser', heading },
  identity: { ...SSH_OPTIONS.identity, heading },
  port: { ...SSH_OPTIONS.port, setting: 'sshPort', heading },
  yes: { kind: 'flag', short: 'y', describe: 'Ask nothing; use detected values' },
} as const satisfies Options;

type InitCall = CallContext & { readonly args: Args<typeof OPTIONS> };

/** The answers, in the order of the questions. */
interface Answers {
  readonly subscription: string | undefined;
  readonly resourceGroup: string | undefined;
  readonly inventory: string | undefined;
  readonly user: string | undefined;
  readonly identity: string | undefined;
  /** Never asked for: most servers listen on 22. */
  readonly port: string | undefined;
}

const KEY_OF: Readonly<Record<keyof Answers, readonly [key: string, name: SettingName]>> = {
  subscription: ['azure.subscriptions', 'subscriptions'],
  resourceGroup: ['azure.resource_group', 'resourceGroup'],
  inventory: ['inventory.source', 'inventory'],
  user: ['ssh.user', 'sshUser'],
  identity: ['ssh.identity', 'identities'],
  port: ['ssh.port', 'sshPort'],
};

export const init = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin init', does: 'asks for subscription, resource group, user and key' },
    { line: 'azlin init --yes', does: 'use what is detected' },
    { line: 'azlin init -y --subscription lab -g rg-web', does: 'in a script' },
  ],
  seeAlso: ['config', 'context', 'doctor', 'configuration'],
  options: OPTIONS,
  mendsSettings: true,
  async run(call) {
    const { args, app, config, note } = call;
    // Rejects if the file has a mistake: that must be fixed, not overwritten.
    const before = await app.config({});
    const detected = await app.detect();
    if (!args.yes && !app.canAsk())
      throw new AppError('usage', 'azlin init asks questions, but this is not a terminal', {
        hint: 'azlin init --yes --subscription ID asks nothing',
      });
    const answers = args.yes
      ? unasked({ ...call, args }, detected)
      : await ask({ ...call, args }, { ...detected, before });
    const given = Object.entries(KEY_OF).flatMap(([answer, [key, name]]) => {
      const text = answers[answer as keyof Answers];
      return text === undefined || text === '' ? [] : [{ key, name, text, value: valueFrom(key, [text]) }];
    });
    const hidden = before.settled.filter(
      ({ name, source }) =>
        (source === 'environment' || source === 'context') && given.some((one) => one.name === name),
    );
    for (const { key, where } of hidden) call.warn(`${where} is set and takes precedence over ${key} in the file`);
    await test({ ...call, args }, Object.fromEntries(given.map(({ name, text }) => [name, text])));
    await changeSettings(
      { path: config.file.path, clock: app.clock },
      given.map(({ key, value }) => ({ at: placeOfKey(key), value })),
    );
    note(`wrote ${config.file.path}; azlin list shows the sessions, azlin config the settings`);
    return {} as Result<never>;
  },
});

/** What the options say, else what is detected. Throws `not-signed-in`. */
function unasked({ args, config }: InitCall, { subscriptions }: Detected): Answers {
  const isAzure = ['azure', 'resource-graph'].includes(config.inventory);
  if (isAzure && args.subscription === undefined && subscriptions.length === 0) throw noSubscription();
  return {
    subscription: args.subscription ?? (isAzure ? subscriptions[0]?.id : undefined),
    resourceGroup: args['resource-group'],
    inventory: args.inventory,
    user: args.user,
    identity: args.identity,
    port: args.port,
  };
}

function noSubscription(): AppError {
  return new AppError('not-signed-in', 'The Azure CLI (az) knows no subscriptions', {
    hint: 'run az login, then azlin init again; or azlin init --subscription ID; or --inventory FILE for VMs from a file',
  });
}

/** Asks the questions. Enter keeps what the file says, or else the default. */
async function ask(
  { args, app, config, note, interrupts }: InitCall,
  { subscriptions, keys, hasAgent, before }: Detected & { readonly before: Config },
): Promise<Answers> {
  const known = (name: SettingName, otherwise: string) => {
    const { source, given } = before.settled.find((one) => one.name === name) ?? {};
    return source === 'file' ? [given].flat().join(',') : otherwise;
  };
  const text = (message: string, problem: (text: string) => string | undefined = () => undefined) =>
    app
      .askText({ message, problem: (typed) => problem(typed.trim()) }, interrupts.signal)
      .then((typed) => typed.trim());
  const fits = (key: string) => (typed: string) => {
    if (typed === '') return undefined;
    try {
      valueFrom(key, [typed]);
      return undefined;
    } catch (error) {
      return toAppError(error).message;
    }
  };
  const isAzure = ['azure', 'resource-graph'].includes(config.inventory);
  let { subscription } = args;
  if (isAzure && subscription === undefined) {
    if (subscriptions.length === 0) throw noSubscription();
    note('Subscriptions known to az:');
    for (const [index, { id, name }] of subscriptions.entries())
      note(`  ${index + 1}  ${printable(name ?? id)}${name === undefined ? '' : ` (${id})`}`);
    const usual = known('subscriptions', '1');
    const which = await text(`Subscription: a number, an id, a name, or "all" [${usual}]:`, (typed) =>
      /^\d{1,4}$/.test(typed) && !subscriptions[Number(typed) - 1]
        ? `a number from 1 to ${subscriptions.length}`
        : undefined,
    );
    const meant = which === '' ? usual : which;
    subscription = /^\d{1,4}$/.test(meant) ? subscriptions[Number(meant) - 1]?.id : meant;
  }
  const found = [...(hasAgent ? ['your agent'] : []), ...keys].join(', ') || 'none found';
  return {
    subscription,
    resourceGroup:
      args['resource-group'] ??
      (isAzure
        ? await text(`Resource group [${known('resourceGroup', 'all')}]:`, fits('azure.resource_group'))
        : undefined),
    inventory: args.inventory,
    user:
      args.user ??
      (await text(`User name on the VMs [${known('sshUser', "each VM's admin user")}]:`, fits('ssh.user'))),
    identity: args.identity ?? (await text(`Private key file [${known('identities', found)}]:`, fits('ssh.identity'))),
    port: args.port,
  };
}

/** Tries to sign in to one VM. A failure only warns, because it may be about that VM alone. */
async function knock({ config, caller, note, warn }: InitCall, access: FleetAccess, vm: Vm | undefined): Promise<void> {
  if (!vm) return;
  const { listDeadline: deadline, listWholeDeadline: wholeDeadline } = config;
  const request = { vms: [vm], maxAge: 0, skipSilent: false, deadline, wholeDeadline };
  const answer = (await access.survey.ask(request, caller)).answers.get(vm);
  const name = printable(vm.name);
  if (answer?.probe === 'ok') note(`Signed in to ${name}`);
  else if (answer) warn(`${name}: ${answer.reason}; azlin doctor ${shellWord(name)} shows more`);
}

/** Looks up the VMs with the new settings. Rejects if that fails, unless the user wants the file anyway. */
async function test(call: InitCall, overrides: Readonly<Record<string, string>>): Promise<void> {
  const { app, args, config, interrupts, caller, note, warn } = call;
  note('Looking up the VMs with these settings…');
  try {
    const access = await call.accessWith(await app.config(overrides));
    const { vms, warnings } = await access.inventory.listVms({ fresh: true, whole: true }, caller);
    caller.progress(undefined);
    for (const warning of warnings) warn(warning);
    const running = vms.filter(({ powerState }) => powerState === 'Running').length;
    note(`found ${count(vms.length, 'VM')}, ${running} running`);
    await knock(call, access, vms.find(mayAnswer));
  } catch (error) {
    interrupts.signal.throwIfAborted();
    const { message, hint } = toAppError(error);
    if (args.yes) throw error;
    call.failed(`these settings do not work: ${message}`);
    if (hint) call.hint(hint);
    if (!(await app.confirm(`Write ${config.file.path} anyway?`, interrupts.signal)))
      throw new AppError('interrupted', `${config.file.path} is unchanged`, { cause: error });
  }
}
