import type { Examined } from '../../registry/backend.ts';
import type { Check } from './findings.ts';

/** What `azlin registry check` and `azlin doctor` say about the registry. Never rejects. */
export async function checksOf(registry: { examine(): Promise<readonly Examined[]> }): Promise<readonly Check[]> {
  return (await registry.examine()).map(({ status, found, advice = null }) => ({
    ...{ check: 'registry', status, found, advice },
    code: status === 'failed' ? 'registry-failed' : null,
  }));
}
