import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../../src/demo/remove-folder.ts';
import { ensureTools } from '../../src/demo/tools.ts';
import { type Machine, type MachineRequest, startMachine } from '../../src/demo/virtual-machine.ts';

type Server = Partial<
  Pick<MachineRequest, 'sshdConfig' | 'environment' | 'bashrc' | 'sessions' | 'address' | 'authorizedKeys'>
>;

/** Fields of an entry of the inventory file. */
type Entry = Readonly<Record<string, unknown>>;

/** SSH servers of all kinds and an inventory file that names them, without a cloud. */
export interface Lab {
  readonly directory: string;
  /** The private key that may log in everywhere. */
  readonly identity: string;
  /** `$HOME`, which contains only an empty `.ssh`. */
  readonly home: string;
  /** Starts a server. One that is started again under the same name is the same VM on another port. */
  start(name: string, server?: Server, entry?: Entry): Promise<Machine>;
  stop(name: string): void;
  /** Adds a server to the inventory that is not started here. */
  name(name: string, entry: Entry): void;
  /** A host key for a server that is started later, as a line of sshd_config and as a public key for known_hosts. */
  hostKey(type: string): { readonly config: string; readonly publicKey: string };
  /** A new private key. */
  key(type: string, passphrase?: string): string;
  /** The running servers. */
  machines(): readonly Machine[];
  /** The environment in which azlin knows these servers, or some of them. Its `$AZLIN_HOME` contains only these settings. */
  environment(
    config?: string,
    of?: (name: string) => boolean,
  ): Readonly<Record<string, string>> & { readonly AZLIN_HOME: string };
  close(): void;
}

export async function startLab(): Promise<Lab> {
  const tools = await ensureTools(process.env, () => {});
  const directory = mkdtempSync('/tmp/azlin-lab-');
  const home = join(directory, 'user');
  mkdirSync(join(home, '.ssh'), { recursive: true });
  const machines = new Map<string, Machine>();
  const entries = new Map<string, Entry>();
  let made = 0;
  const key = (type: string, passphrase = '') => {
    const path = join(directory, `key-${++made}`);
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', `key-${made}`, '-f', path]);
    return path;
  };
  const identity = key('ed25519');
  const stop = (name: string) => {
    machines.get(name)?.stop();
    machines.delete(name);
  };
  return {
    directory,
    identity,
    home,
    key,
    stop,
    async start(name, server = {}, entry = {}) {
      stop(name);
      const machine = await startMachine({
        name,
        directory: join(directory, name),
        address: `127.21.0.${machines.size + 4}`,
        authorizedKeys: readFileSync(`${identity}.pub`, 'utf8'),
        sessions: ['dev'],
        tools,
        ...server,
      });
      machines.set(name, machine);
      const { address, port, user } = machine;
      entries.set(name, { id: `id-of-${name}`, address, port, user, ...entry });
      return machine;
    },
    name: (name, entry) => void entries.set(name, entry),
    hostKey(type) {
      const path = key(type);
      const [kind, encoded] = readFileSync(`${path}.pub`, 'utf8').split(' ');
      return { config: `HostKey ${path}`, publicKey: `${kind} ${encoded}` };
    },
    machines: () => [...machines.values()],
    environment(config = '', of = () => true) {
      const own = mkdtempSync(join(directory, 'azlin-'));
      writeFileSync(join(own, 'config.toml'), config);
      const inventory = join(own, 'fleet.json');
      const vms = [...entries].filter(([name]) => of(name)).map(([name, entry]) => ({ name, ...entry }));
      writeFileSync(inventory, JSON.stringify({ vms }));
      return {
        PATH: process.env['PATH'] ?? '',
        HOME: home,
        AZLIN_HOME: own,
        AZLIN_INVENTORY: inventory,
        AZLIN_IDENTITY: identity,
        // Tests of the daemon turn it on; npm run test:daemon does for all others.
        AZLIN_PERSIST: process.env['AZLIN_TEST_PERSIST'] ?? '0',
      };
    },
    close() {
      for (const name of [...machines.keys()]) stop(name);
      // Supervisors of jobs may still be writing their last lines.
      removeFolder(directory);
    },
  };
}
