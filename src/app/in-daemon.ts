import { isAbsolute } from 'node:path';
import type { LineHere } from '../daemon/serve-line.ts';
import type { Config } from '../settings/config.ts';

/** What is different for a command line that runs in azlin's daemon. */
export interface InDaemon {
  readonly line: LineHere;
  /** Makes the client run the line itself. Throws. */
  readonly notHere: LineHere['notHere'];
  /** Makes the client run the line itself if the settings mean that only it can. */
  check(config: Config): void;
}

export function inDaemon(line: LineHere): InDaemon {
  const { notHere, argv, environment } = line;
  return {
    line,
    notHere,
    check({ identities, sshConfig, inventory, durable, aliases }) {
      // Times are shown in the time zone of the process.
      if ((environment['TZ'] ?? '') !== (process.env['TZ'] ?? '')) notHere('another time zone');
      const files = [...identities, ...(sshConfig === undefined || sshConfig === 'none' ? [] : [sshConfig])];
      if (inventory !== 'azure' && inventory !== 'resource-graph') files.push(inventory);
      if (files.some((path) => !isAbsolute(path) && !path.startsWith('~')))
        notHere('the settings name a file by a relative path');
      if (argv[0] !== 'exec') return;
      // A client that runs a job itself follows it to the end, whatever becomes of the daemon.
      if (durable === 'always') notHere('commands are jobs');
      if (argv.some((word) => Object.hasOwn(aliases, word))) notHere('an alias can mean several targets');
    },
  };
}
