import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoFleet } from '../src/demo/demo-fleet.ts';

/** The words of `ssh` commands to a VM of the fleet, also over a connection that is already open. */
export function sshTo(fleet: DemoFleet, name: string) {
  const machine = fleet.machines.get(name);
  if (!machine) throw new Error(`the fleet has no ${name}`);
  const config = join(fleet.directory, 'ssh_config');
  writeFileSync(
    config,
    [
      `Host ${name}`,
      `HostName ${machine.address}`,
      `Port ${machine.port}`,
      `User ${machine.user}`,
      `IdentityFile ${fleet.identity}`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking accept-new',
      `UserKnownHostsFile ${join(fleet.directory, 'ssh_known_hosts')}`,
      'LogLevel ERROR',
    ].join('\n'),
  );
  const socket = join(fleet.directory, 'mux');
  return {
    alone: ['ssh', '-F', config, name],
    shared: ['ssh', '-F', config, '-S', socket, name],
    master: ['-F', config, '-M', '-S', socket, name],
    terminal: ['ssh', '-tt', '-F', config, name],
  };
}
