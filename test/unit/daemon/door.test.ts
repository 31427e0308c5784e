import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { door } from '../../../src/daemon/door.ts';
import { daemonPlace } from '../../../src/daemon/place.ts';
import { sendMessage } from '../../../src/daemon/wire.ts';
import type { Clock } from '../../../src/domain/clock.ts';
import { aCaller } from '../../support/caller.ts';
import { realClock } from '../../support/clock.ts';

test('a daemon that was too busy is asked again a minute later, also by a process that lives long', async () => {
  const home = mkdtempSync('/tmp/azlin-lab-');
  const uid = process.getuid?.() ?? 0;
  const { directory, socket } = daemonPlace(home, uid);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let isBusy = true;
  let came = 0;
  const clients: Socket[] = [];
  const daemon = createServer((client) => {
    came++;
    clients.push(client);
    if (!isBusy) sendMessage(client, { reply: 'here' });
  });
  await new Promise<void>((resolve) => daemon.listen(socket, resolve));
  let later = 0;
  const clock: Clock = {
    ...realClock,
    now: () => realClock.now() + later,
    // Nobody has to wait for a second.
    schedule: (ms, run) => realClock.schedule(ms / 10, run),
  };
  const traced: string[] = [];
  const caller = aCaller({ trace: (line) => traced.push(line) });
  try {
    const way = door({ clock, home, uid, program: '/nowhere', environment: {} });
    expect(await way.open(caller)).toBeUndefined();
    isBusy = false;
    expect(await way.open(caller)).toBeUndefined();
    await expect(way.openPatiently()).rejects.toThrow('it does not answer');
    expect({ came, traced }).toEqual({ came: 1, traced: ["azlin's daemon is not used: it does not answer"] });
    later = 61_000;
    expect(await way.openPatiently()).toBeDefined();
    expect(await way.open(caller)).toBeDefined();
    expect(came).toBe(3);
  } finally {
    for (const client of clients) client.destroy();
    daemon.close();
    rmSync(home, { recursive: true });
  }
});
