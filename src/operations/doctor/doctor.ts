import { access as canAccess, constants, stat } from 'node:fs/promises';
import type { Caller } from '../../domain/caller.ts';
import { AppError, type ErrorCode, messageOf, toAppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import type { Fleet } from '../../inventory/inventory.ts';
import type { Examined } from '../../registry/backend.ts';
import { type HostRef, parseIdentifier } from '../../targets/identifier.ts';
import type { SshConfig } from '../../transport/ssh-config/ssh-config.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { checkHost } from './doctor-host.ts';
import { type Check, type Findings, findingsInto, reportKeys } from './findings.ts';
import { checksOf } from './registry-checks.ts';

export interface Diagnosis {
  readonly checks: readonly Check[];
  /** The error code of the first check that failed. */
  readonly failedWith: ErrorCode | undefined;
}

export interface DoctorRequest {
  /** The VM or address to check; undefined checks only this machine. */
  readonly host: string | undefined;
  readonly files: CheckedFiles;
  readonly registry: { examine(): Promise<readonly Examined[]> };
}

/** What azlin reads on this machine. */
export interface CheckedFiles {
  readonly config: { readonly path: string; readonly exists: boolean; readonly context: string | undefined };
  /** Settings that come from the environment. */
  readonly variables: readonly string[];
  readonly sshConfig: SshConfig;
  readonly knownHosts: string;
  readonly source: string;
}

/** Checks everything from the settings to the shell of a VM, and says for each what it found and what to do. */
export async function diagnose(
  access: FleetAccess,
  { host, files, registry }: DoctorRequest,
  caller: Caller,
): Promise<Diagnosis> {
  const ref = host === undefined ? undefined : hostRefOf(host);
  const checks: Check[] = [];
  const findings = findingsInto(checks);
  try {
    await checkFiles(files, findings);
    // An address needs neither Azure nor a sign-in.
    const fleet = ref?.kind === 'address' ? undefined : await checkInventory(access, files, { findings, caller });
    if (ref === undefined) await checkKeys(access, { findings, caller });
    else await checkHost({ access, host: ref, fleet, findings, caller });
    caller.progress('Checking the registry');
    for (const check of await checksOf(registry)) findings.add(check);
  } finally {
    caller.progress(undefined);
  }
  return { checks, failedWith: findings.failedWith() };
}

/** The host part of an identifier: the VM of `myvm:dev`. Throws `usage` or `invalid-identifier`. */
function hostRefOf(text: string): HostRef {
  const { host } = parseIdentifier(text);
  if (host) return host;
  throw new AppError('usage', `"${text}" is neither a VM nor an address`, {
    hint: 'azlin list --all shows the VMs',
  });
}

async function checkFiles({ config, variables, sshConfig, knownHosts }: CheckedFiles, findings: Findings) {
  const context = config.context === undefined ? '' : `, context "${config.context}"`;
  const file = config.exists ? `${config.path}${context}` : `no ${config.path}, so all settings are at their default`;
  findings.ok('config', variables.length === 0 ? file : `${file}; from the environment: ${variables.join(', ')}`);
  findings.ok('ssh settings', sshConfig.files.join(', ') || 'none are read');
  await checkKnownHosts(knownHosts, findings);
}

async function checkKnownHosts(path: string, findings: Findings): Promise<void> {
  try {
    const { mode } = await stat(path);
    await canAccess(path, constants.R_OK | constants.W_OK);
    const advice = `chmod 600 ${path}; whoever can write to it decides which hosts you trust`;
    if ((mode & 0o022) === 0) findings.ok('known hosts', path);
    else findings.warn('known hosts', `${path} can be written by others`, advice);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') findings.ok('known hosts', `${path}, not created yet`);
    else
      findings.fail(
        'known hosts',
        new AppError('config', messageOf(error), { hint: 'make it a file that you can read and write' }),
      );
  }
}

interface Checking {
  readonly findings: Findings;
  readonly caller: Caller;
}

/** Errors of signing in. Any other error came after it. */
const SIGN_IN: readonly ErrorCode[] = ['not-signed-in'];

async function checkInventory(
  access: FleetAccess,
  { source }: CheckedFiles,
  { findings, caller }: Checking,
): Promise<Fleet | undefined> {
  caller.progress('Checking the inventory');
  const isAzure = source === 'azure' || source === 'resource-graph';
  const signedIn = () => isAzure && findings.ok('sign-in', 'signed in');
  try {
    const fleet = await access.inventory.listVms({ fresh: true, whole: true }, caller);
    signedIn();
    const running = fleet.vms.filter(({ powerState }) => powerState === 'Running').length;
    const found = `${count(fleet.vms.length, 'VM')} in ${isAzure ? `scope (${source})` : source}, ${running} running`;
    if (fleet.warnings.length > 0)
      findings.warn(
        'inventory',
        `${found}; ${fleet.warnings.join('; ')}`,
        'azlin list is incomplete until this is solved',
      );
    else if (fleet.vms.length === 0)
      findings.warn('inventory', found, 'check subscription and resource group: azlin list --all');
    else findings.ok('inventory', found);
    return fleet;
  } catch (error) {
    caller.signal.throwIfAborted();
    const isSignIn = isAzure && SIGN_IN.includes(toAppError(error).code);
    if (!isSignIn && isAzure && toAppError(error).code === 'azure-denied') signedIn();
    findings.fail(isSignIn ? 'sign-in' : 'inventory', error);
    if (isSignIn) findings.skip('inventory', 'Azure was not asked');
    return undefined;
  }
}

/** For a check without a host: the keys that any host would be offered. */
async function checkKeys(access: FleetAccess, { findings, caller }: Checking): Promise<void> {
  try {
    reportKeys(await access.transport.identitiesFor(access.endpoints.at('localhost'), caller), findings);
  } catch (error) {
    findings.fail('keys', error);
  }
}
