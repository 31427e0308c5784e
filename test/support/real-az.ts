import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import type { ServicePrincipal } from '../../src/demo/local-authority.ts';

const run = promisify(execFile);

/** Who signs in with the real Azure CLI. */
export const AZ_PRINCIPAL = {
  clientId: 'aaaaaaaa-0000-4000-8000-000000000001',
  secret: 'pass',
} as const satisfies ServicePrincipal;

/** The Azure CLI of this machine; undefined where there is none. */
export function installedAz(): string | undefined {
  try {
    return execFileSync('/bin/sh', ['-c', 'command -v az'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

export interface SignedInAz {
  /** The environment of the fleet, but with this `az` instead of the one that only gives tokens. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs it to its end and gives its JSON as text. */
  az(...args: readonly string[]): Promise<string>;
}

/** Makes the local Resource Manager a cloud of the real Azure CLI, and signs in. The fleet must know AZ_PRINCIPAL. */
export async function signInWithAz(program: string, fleet: DemoFleet): Promise<SignedInAz> {
  const { url } = fleet.resourceManager;
  const bin = mkdtempSync(join(fleet.directory, 'bin-'));
  symlinkSync(program, join(bin, 'az'));
  const environment = {
    ...fleet.environment,
    PATH: `${bin}:${fleet.environment['PATH']}`,
    AZURE_CONFIG_DIR: mkdtempSync(join(fleet.directory, 'azure-')),
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    REQUESTS_CA_BUNDLE: fleet.environment['NODE_EXTRA_CA_CERTS'] ?? '',
  };
  const az = async (...args: readonly string[]) =>
    (await run(program, [...args, '--only-show-errors', '--output', 'json'], { env: environment })).stdout;
  await az(
    ...['cloud', 'register', '--name', 'azlinlocal', '--profile', '2020-09-01-hybrid'],
    ...['--endpoint-resource-manager', url, '--endpoint-management', url, '--endpoint-gallery', url],
    ...['--endpoint-active-directory', `${url}/adfs`, '--endpoint-active-directory-graph-resource-id', url],
    ...['--endpoint-active-directory-resource-id', 'https://management.azure.com'],
  );
  await az('cloud', 'set', '--name', 'azlinlocal');
  const { clientId, secret } = AZ_PRINCIPAL;
  await az('login', '--service-principal', '-u', clientId, '-p', secret, '--tenant', 'adfs');
  return { environment, az };
}
