import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';

/** An empty `$AZLIN_HOME` with these settings. */
export function freshHome({ directory }: DemoFleet, config = ''): { readonly AZLIN_HOME: string } {
  const home = mkdtempSync(join(directory, 'home-'));
  writeFileSync(join(home, 'config.toml'), config);
  return { AZLIN_HOME: home };
}

/** A PATH whose `az` is the given script. */
export function withAz({ directory, environment }: DemoFleet, script: string): { readonly PATH: string } {
  const bin = mkdtempSync(join(directory, 'bin-'));
  writeFileSync(join(bin, 'az'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'az'), 0o755);
  return { PATH: `${bin}:${environment['PATH']}` };
}

/** A line for such a script, which prints the token that the local Resource Manager knows. */
export const GIVES_TOKEN = `echo '{"accessToken":"demo-token","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800}'`;
