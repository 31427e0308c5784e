import type { Command } from '../command.ts';
import type { Shorthands } from '../split-argv.ts';
import { connect } from './connect.ts';
import { demo } from './demo.ts';
import { disconnect } from './disconnect.ts';
import { exec } from './exec.ts';
import { list } from './list.ts';
import { session } from './session.ts';
import { ssh } from './ssh.ts';

/** What the product can do. */
export const COMMANDS: readonly Command[] = [list, ssh, connect, exec, disconnect, session, demo];

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
