import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Inputs } from './inputs.ts';

export interface Execution {
  readonly inputs: Inputs;
  /** The id of the job. */
  readonly id: string;
  /** A directory for the files of this step. */
  readonly directory: string;
  readonly target: string;
  /** Whether azlin reports each target separately. */
  readonly isMany: boolean;
}

/** The arguments of azlin. They never hold the value of a variable: every user of the runner can read them. */
export function commandLine(
  { inputs, id, directory, target, isMany }: Execution,
  { resultFile, envFile }: { readonly resultFile: string; readonly envFile: string },
): readonly string[] {
  const { shell, timeout } = inputs;
  const isPosix = shell === '' || /(^|\/)(ba|z|k|mk|da|a)?sh$/.test(shell);
  return [
    'exec',
    ...['--result', resultFile],
    ...(inputs.create ? ['--create'] : []),
    ...(shell === '' ? [] : ['--shell', shell]),
    ...(isPosix ? ['--errexit'] : []),
    ...(timeout === '' ? [] : ['--timeout', timeout]),
    ...(inputs.durable ? ['--durable', '--job', id, '--on-interrupt', 'cancel'] : ['--direct']),
    // --fanout is for many targets: with it, azlin treats even one identifier as many.
    ...(isMany ? ['--format', 'ndjson', '--fanout', '32'] : []),
    ...(inputs.variables.length === 0 ? [] : ['--env-file', envFile]),
    ...scopeOptions(inputs, directory),
    '--',
    target,
  ];
}

/** The options that say which VMs are meant, who logs in, and which host keys to expect. */
export function scopeOptions(
  { subscription, resourceGroup, user, knownHosts }: Inputs,
  directory: string,
): readonly string[] {
  const known = join(directory, 'ssh_config');
  if (knownHosts !== '' && !existsSync(known)) {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, `${knownHosts}\n`);
    // In SSH settings the first value counts, so the runner's own settings come after these.
    const strict = `StrictHostKeyChecking yes\nUserKnownHostsFile "${file}"\nGlobalKnownHostsFile none\n`;
    writeFileSync(known, `${strict}Include ~/.ssh/config\n`);
  }
  return [
    ...(subscription === '' ? [] : ['--subscription', subscription]),
    ...(resourceGroup === '' ? [] : ['--resource-group', resourceGroup]),
    ...(user === '' ? [] : ['--user', user]),
    ...(knownHosts === '' ? [] : ['--ssh-config', known]),
  ];
}
