import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The id of the subscription that `az account set` chose, read from az's own profile; undefined when there is none. */
export async function activeSubscription(azureConfigDirectory: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(azureConfigDirectory, 'azureProfile.json'), 'utf8');
    // az writes a byte order mark.
    const { subscriptions } = JSON.parse(text.replace(/^\ufeff/, '')) as {
      subscriptions?: readonly { id?: string; isDefault?: boolean }[];
    };
    return subscriptions?.find((one) => one.isDefault)?.id;
  } catch {
    return undefined;
  }
}
