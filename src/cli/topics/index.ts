import type { TopicPart } from './topic.ts';

export interface Topic {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<readonly TopicPart[]>;
}

/** What `azlin help TOPIC` explains. */
export const TOPICS: readonly Topic[] = [
  {
    name: 'identifiers',
    summary: 'How to name VMs and sessions, one or many',
    load: async () => (await import('./identifiers.ts')).IDENTIFIERS,
  },
  {
    name: 'options',
    summary: 'The options that commands share',
    load: async () => (await import('./options.ts')).SHARED_OPTIONS,
  },
  {
    name: 'exit-codes',
    summary: 'What each exit code means, and what to do',
    load: async () => (await import('./exit-codes.ts')).EXIT_CODES_TOPIC,
  },
  {
    name: 'configuration',
    summary: 'Every setting: its key, its flag, its default',
    load: async () => (await import('./configuration.ts')).CONFIGURATION,
  },
  {
    name: 'environment',
    summary: 'The variables that azlin reads and sets',
    load: async () => (await import('./environment.ts')).ENVIRONMENT,
  },
];
