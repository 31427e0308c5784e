import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { azureProfile } from '../inventory/azure/scope.ts';
import type { Detected } from '../settings/detected.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const KEY_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** Finds subscriptions, keys and an agent in files and variables of this machine, without the network. */
export async function detect(environment: Environment, home: string): Promise<Detected> {
  const profile = await azureProfile(environment['AZURE_CONFIG_DIR'] || join(home, '.azure'));
  const subscriptions = [...profile]
    .sort((a, b) => Number(b.isDefault) - Number(a.isDefault))
    .map(({ id, name, tenantId }) => ({ id, name, tenant: tenantId }));
  const found = await Promise.all(
    KEY_FILES.map(async (name) =>
      access(join(home, '.ssh', name)).then(
        () => [`~/.ssh/${name}`],
        () => [],
      ),
    ),
  );
  return { subscriptions, keys: found.flat(), hasAgent: Boolean(environment['SSH_AUTH_SOCK']) };
}
