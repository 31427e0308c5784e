import { ENTRIES } from '../../settings/settings.ts';
import { EXPLAINED } from './settings.ts';
import type { TopicPart } from './topic.ts';

export const CONFIGURATION: readonly TopicPart[] = [
  'A setting comes from its flag, its environment variable, the context in use, ~/.azlin/config.toml or its default, in this order. AZLIN_CONFIG names another file. A context that the flag --context names takes precedence over the environment.',
  {
    lines: [
      'azlin init                       asks, tests and writes the file',
      'azlin config                     lists settings and where each comes from',
      'azlin config set ssh.user alice  changes one; unset removes it',
      'azlin context create prod        creates a named set, for azlin context use',
    ],
  },
  'A duration is a number of seconds or a string: 30, "500ms", "5m", "1h".',
  {
    lines: [
      '[azure]',
      'subscriptions = ["11111111-2222-3333-4444-555555555555"]',
      'resource_group = "rg-web"',
      '',
      '[ssh]',
      'user = "alice"',
      '',
      '[contexts.lab.azure]',
      'subscriptions = ["lab"]',
    ],
  },
  {
    title: 'Settings',
    rows: ENTRIES.map(([name, { key, variable }]) => {
      const { meaning, fallback } = EXPLAINED[name];
      return { left: key, right: `${meaning}; default: ${fallback}${variable ? `; ${variable}` : ''}` };
    }),
  },
];
