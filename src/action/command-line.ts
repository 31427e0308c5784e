import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Inputs } from './inputs.ts';

export interface Execution {
  readonly inputs: Inputs;
  /** Of the job. */
  readonly id: string;
  /** For files of this step alone. */
  readonly directory: string;
  readonly target: string;
  /** Whether azlin is to tell of each target by itself. */
  readonly isMany: boolean;
}

/** The words after `azlin`. No value is among them: every user of the runner can read those. */
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
    // An option that is for many makes one identifier many, too.
    ...(isMany ? ['--format', 'ndjson', '--fanout', '32'] : []),
    ...(inputs.variables.length === 0 ? [] : ['--env-file', envFile]),
    ...scopeOptions(inputs, directory),
    '--',
    target,
  ];
}

/** The options that say which VMs are meant and how they are known. */
export function scopeOptions(
  { subscription, resourceGroup, user, knownHosts }: Inputs,
  directory: string,
): readonly string[] {
  const known = join(directory, 'ssh_config');
  if (knownHosts !== '' && !existsSync(known)) {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, `${knownHosts}\n`);
    // The first value counts: what the runner's own settings say comes after these.
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
