import { CHOOSE_OPTIONS, CONTROL_OPTIONS, OUTPUT_OPTIONS } from '../line/fleet-options.ts';
import { BUILT_IN, FORWARD_OPTION, GLOBAL_OPTIONS, SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { optionRows } from './option-rows.ts';
import type { TopicPart } from './topic.ts';

/** The options that several commands have in common, which the help of each only mentions. */
export const SHARED_OPTIONS: readonly TopicPart[] = [
  'Options come before the identifier: what follows it is the command to run.',
  { title: 'All commands', rows: optionRows({ ...GLOBAL_OPTIONS, ...BUILT_IN }) },
  { title: 'VMs in scope', rows: optionRows(SCOPE_OPTIONS) },
  { title: 'SSH', rows: optionRows({ ...SSH_OPTIONS, ...FORWARD_OPTION }) },
  {
    title: 'Many targets',
    rows: optionRows({ ...CHOOSE_OPTIONS, ...CONTROL_OPTIONS, ...OUTPUT_OPTIONS }),
  },
];
