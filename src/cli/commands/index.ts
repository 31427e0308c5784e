import type { Command } from '../command.ts';
import type { Shorthands } from '../split-argv.ts';
import { aliases } from './aliases.ts';
import { cancel } from './cancel.ts';
import { complete } from './complete.ts';
import { connect } from './connect.ts';
import { demo } from './demo.ts';
import { disconnect } from './disconnect.ts';
import { doctor } from './doctor.ts';
import { exec } from './exec.ts';
import { hostKey } from './host-key.ts';
import { jobs } from './jobs.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { prune } from './prune.ts';
import { rename } from './rename.ts';
import { run } from './run.ts';
import { send } from './send.ts';
import { session } from './session.ts';
import { ssh } from './ssh.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { wait } from './wait.ts';

/** What the product can do. */
export const COMMANDS: readonly Command[] = [
  list,
  ssh,
  connect,
  exec,
  run,
  send,
  jobs,
  logs,
  wait,
  cancel,
  disconnect,
  session,
  rename,
  prune,
  status,
  start,
  stop,
  aliases,
  hostKey,
  doctor,
  demo,
  complete,
];

/** For hands that know other tools. */
export const SHORTHANDS: Shorthands = {
  open: ['ssh', '--detach'],
  attach: ['connect'],
  close: ['disconnect', '--kill'],
};

export const EPILOGUE = `Also: ${Object.entries(SHORTHANDS)
  .map(([name, words]) => `${name} = ${words.join(' ')}`)
  .join(', ')}

Identifiers: vm:session, a session name, a VM name, resource-group/vm, 10.0.0.4, user@...
Azure: sign in with az login; azlin demo needs no Azure at all`;
