import { ENTRIES } from '../../settings/settings.ts';
import { EXPLAINED } from './settings.ts';
import type { TopicPart } from './topic.ts';

export const CONFIGURATION: readonly TopicPart[] = [
  'A setting comes from a flag, else the environment, else the context that is in use, else ~/.azlin/config.toml, else its default. AZLIN_CONFIG names another file. A context that the flag --context names counts more than the environment.',
  {
    lines: [
      'azlin init                       asks, tests and writes the file',
      'azlin config                     every setting and where it comes from',
      'azlin config set ssh.user alice  changes one; unset takes it away',
      'azlin context create prod        settings by name, for azlin context use',
    ],
  },
  'Durations are numbers of seconds or texts: 30, "500ms", "5m", "1h".',
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
