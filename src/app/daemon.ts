import { setMaxListeners } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { heldLinks } from '../daemon/held-links.ts';
import type { HeldLinks, Realm } from '../daemon/holding.ts';
import { knowledge } from '../daemon/knowledge.ts';
import { type DaemonLog, daemonLog } from '../daemon/log.ts';
import { type Destination, hopKey } from '../daemon/messages.ts';
import { daemonPlace, whyNotSafe } from '../daemon/place.ts';
import type { RunLine } from '../daemon/serve-line.ts';
import { retireOthers, serve } from '../daemon/server.ts';
import { watchFiles } from '../daemon/watch-files.ts';
import { type Clock, watchSleep } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { describeHop } from '../domain/route.ts';
import { type BastionPlaces, bastionPlaces } from '../transport/bastion/bastion-places.ts';
import { knownHosts } from '../transport/host-keys/known-hosts.ts';
import { ssh2Dialer } from '../transport/ssh2/ssh2-transport.ts';
import { bastionGateThere } from './bastion-gate.ts';
import { historyKeeper } from './registry/history-keeper.ts';
import { certificatesThere } from './signed-in.ts';
import { localUser } from './ssh.ts';
import { systemClock } from './system-clock.ts';

export interface DaemonRequest {
  /** `$AZLIN_HOME`. */
  readonly home: string;
  readonly uid: number;
  readonly runLine: RunLine;
}

export interface RunningDaemon {
  readonly log: DaemonLog;
  /** Ends it at once. */
  stop(): void;
}

const LAST_WORDS = 50;
/** Milliseconds that the daemon stays when it holds nothing: a client that has started it comes a moment later. */
const LINGER = 5_000;
/** Milliseconds within which a connection must answer after the machine has slept. */
const WAKING = 3_000;
/** Milliseconds between two looks at whether its home is still there. */
const LOOK = 2_000;

/** Listens for clients and keeps connections for them. `onEnd` is called when it holds nothing any more. Resolves to undefined if another daemon listens already. */
export async function startDaemon(
  { home, uid, runLine }: DaemonRequest,
  onEnd: () => void,
): Promise<RunningDaemon | undefined> {
  const clock = systemClock;
  const place = daemonPlace(home, uid);
  const why = whyNotSafe(place, uid);
  if (why !== undefined) throw new AppError('config', why);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const log = daemonLog(join(home, 'daemon.log'), clock);
  let clients = 0;
  let isEmpty = true;
  let isStopping = false;
  let server: Server | undefined;
  let cancel = () => {};
  const realms = realmsOf(
    join(home, 'cache'),
    bastionPlaces(clock, (bastion) => held.makeRoom(bastion)),
  );
  const known = knowledge({ clock, log: log.write });
  const seenBy = `${localUser(process.env)}@${hostname()}`;
  const history = historyKeeper({ clock, log: log.write, seenBy, hasHome: () => existsSync(home) });
  let isEnding = false;
  const end = () => {
    if (isEnding) return;
    isEnding = true;
    cancel();
    server?.close();
    for (const stop of stops) stop();
    held.close();
    realms.close();
    // What is being said to servers at the end leaves before the process does.
    clock.schedule(LAST_WORDS, () => {
      void history.close().finally(() => {
        log.write('ended');
        onEnd();
      });
    });
  };
  const endSoon = () => {
    cancel();
    if (server && clients === 0 && isEmpty) cancel = clock.schedule(isStopping ? 0 : LINGER, end);
  };
  const held: HeldLinks = heldLinks({
    clock,
    realmOf: realms.of,
    log: log.write,
    ...{ knowledge: known, history },
    onUsed() {
      isEmpty = false;
      cancel();
    },
    onEmpty() {
      isEmpty = true;
      endSoon();
    },
    onFiles: (paths) => files.watch(paths),
  });
  const files = watchFiles(clock, (path) => void held.recheck(path));
  const stops = [
    files.close,
    watchSleep(clock, () => held.check(WAKING)),
    // Without its home nobody finds it any more, and nothing can be kept.
    every(clock, LOOK, () => existsSync(home) || end()),
  ];
  const onStop = (isForced: boolean) => {
    isStopping = true;
    // No new client gets here; those that are here finish what they do.
    server?.close();
    log.write(isForced ? 'asked to end at once' : 'asked to end');
    if (isForced) return end();
    held.retire();
    endSoon();
  };
  const onBusy = (isBusy: boolean) => {
    clients += isBusy ? 1 : -1;
    endSoon();
  };
  server = await serve({ place, clock, held, knowledge: known, history, runLine, log: log.write, onStop, onBusy });
  if (!server) {
    for (const stop of stops) stop();
    return undefined;
  }
  retireOthers(place, clock.now());
  log.write(`started, process ${process.pid}`);
  endSoon();
  return { log, stop: end };
}

function every(clock: Clock, ms: number, run: () => void): () => void {
  const next = () => {
    cancel = clock.schedule(ms, next);
    run();
  };
  let cancel = clock.schedule(ms, next);
  return () => cancel();
}

/** One dialer for each file of host keys and each set of jump hosts, so that many VMs share the connection to theirs. It ends with the last of them. */
function realmsOf(cacheDirectory: string, atBastions: BastionPlaces) {
  const realms = new Map<string, Realm>();
  const make = (key: string, { knownHosts: path, hops, web = {} }: Destination): Realm => {
    const places = new Map(hops);
    const hostKeys = knownHosts({ path });
    const dialer = ssh2Dialer({
      ...{ clock: systemClock, wallClock: systemClock, cacheDirectory, knownHosts: hostKeys, forgetsKeys: true },
      bastions: bastionGateThere(web, atBastions),
      certificates: certificatesThere,
      // Commands of ProxyCommand run in the process that wants them.
      shell: '/bin/sh',
      async endpointOfHop(hop, inFleet) {
        const place = places.get(hopKey(describeHop(hop), inFleet));
        if (!place) throw new AppError('bug', `the way over "${describeHop(hop)}" is not known to the daemon`);
        return place;
      },
    });
    let users = 0;
    return {
      dialer,
      knownHosts: hostKeys,
      use: () => void users++,
      leave() {
        if (--users > 0) return;
        dialer.close();
        if (realms.get(key)?.dialer === dialer) realms.delete(key);
      },
    };
  };
  return {
    of(to: Destination): Realm {
      const key = JSON.stringify([to.knownHosts, to.hops, to.web]);
      const realm = realms.get(key) ?? make(key, to);
      realms.set(key, realm);
      return realm;
    },
    close() {
      for (const { dialer } of realms.values()) dialer.close();
    },
  };
}

/** Each connection that is made adds a listener. */
setMaxListeners(0);
