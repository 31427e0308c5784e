import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { DemoSubscription } from './arm-resources.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface DemoSurroundings {
  /** The environment to build on. */
  readonly environment: Environment;
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  readonly directory: string;
  readonly certificate: string;
  readonly token: string;
  readonly identity: string;
  readonly subscriptions: readonly DemoSubscription[];
  /** The id of the one that `az` has set. */
  readonly active: string;
  readonly url: string;
  /** With what `az ssh cert` certifies keys. */
  readonly certifies: { readonly sshKeygen: string; readonly authority: string };
}

/** Writes what a user of Azure has on their machine: `az` signed in, an active subscription, a key, and azlin on PATH. */
export async function writeSurroundings({
  directory,
  certificate,
  token,
  identity,
  subscriptions,
  active,
  url,
  certifies,
  cli,
  environment,
}: DemoSurroundings): Promise<Readonly<Record<string, string>>> {
  const at = (...parts: string[]) => join(directory, ...parts);
  await Promise.all([mkdir(at('bin')), mkdir(at('azure')), mkdir(at('azlin'), { mode: 0o700 })]);
  await writeFile(at('ca.pem'), certificate);
  const known = subscriptions.map(({ id, name }) => ({ id, name, isDefault: id === active, user: PERSON }));
  const profile = { subscriptions: known };
  // With the byte order mark that az writes.
  await writeFile(at('azure', 'azureProfile.json'), `\ufeff${JSON.stringify(profile)}`);
  const reply = {
    accessToken: token,
    expiresOn: '2099-01-01 00:00:00.000000',
    expires_on: 4_070_908_800,
    tokenType: 'Bearer',
  };
  await writeProgram(at('bin', 'az'), azScript(JSON.stringify(reply), certifies));
  await writeProgram(
    at('bin', 'azlin'),
    `exec ${cli.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')} "$@"`,
  );
  return {
    ...withoutSettings(environment),
    PATH: `${at('bin')}${delimiter}${environment['PATH'] ?? ''}`,
    AZLIN_HOME: at('azlin'),
    AZLIN_ARM_ENDPOINT: url,
    AZLIN_IDENTITY: identity,
    // The user's own SSH settings must not affect the demo either.
    AZLIN_SSH_CONFIG: 'none',
    AZURE_CONFIG_DIR: at('azure'),
    NODE_EXTRA_CA_CERTS: at('ca.pem'),
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
  };
}

/** Who has signed in with `az`. */
const PERSON = { name: 'you@azlin.demo', type: 'user' };

/** An `az` that gives tokens, and certificates for the user who runs it. */
function azScript(token: string, { sshKeygen, authority }: DemoSurroundings['certifies']): string {
  return `case "$1 $2" in
'account get-access-token') echo '${token}' ;;
'ssh cert')
  while [ $# -gt 1 ]; do
    case $1 in --public-key-file) key=$2 ;; --file) file=$2 ;; esac
    shift
  done
  # As the extension does, which wants a folder in the name.
  case $file in */*) ;; *) echo "ERROR: $file folder doesn't exist" >&2; exit 1 ;; esac
  cp "$key" "$file.key.pub" && '${sshKeygen}' -q -s '${authority}' -t rsa-sha2-256 -I demo -n "$(id -un)" -V -5m:+1h "$file.key.pub" &&
    mv "$file.key-cert.pub" "$file" && rm "$file.key.pub"
  ;;
*) echo 'the az of the azlin demo only gives tokens and SSH certificates' >&2; exit 2 ;;
esac`;
}

async function writeProgram(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}

/** The user's own settings, sign-ins and agent must not affect the demo; nor may a workflow that shows it, where azlin has no daemon. */
function withoutSettings(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && !/^(AZURE_|AZLIN_|ARM_|SSH_AUTH_SOCK$|TMUX|CI$)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

/** Ends the daemon of whoever has used the fleet. It would end by itself, but a moment later. */
export function daemonEnd(
  [program = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>>,
): () => void {
  return () => {
    if (!existsSync(join(environment['AZLIN_HOME'] ?? '', 'daemon.log'))) return;
    spawnSync(program, [...args, 'daemon', 'stop', '--force'], { env: environment, stdio: 'ignore', timeout: 5_000 });
  };
}
