import { silentCaller } from '../domain/caller.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { isThrough } from '../domain/route.ts';
import { sharedTransport } from '../transport/shared-transport.ts';
import type { Connection, Link, RemoteProcess } from '../transport/transport.ts';
import { isTrusted, keyFilesOf, keyOfDestination, stampOf, withoutDoubt } from './destination.ts';
import { type Held, type HeldLinks, type HeldSettings, joinHistory, tellHistories } from './holding.ts';
import type { Destination } from './messages.ts';

/** Milliseconds: in which a process is gone after it was killed; in which the server of a VM that was stopped would have to say something; in which a new connection is used. */
const [KILLED, STOPPED, TAKEN] = [500, 2_000, 5_000];
/** Errors of a connection that depend on who has asked for it. */
const THEIRS: readonly ErrorCode[] = ['interrupted', 'ssh-denied', 'host-key-unknown', 'not-signed-in', 'azure-denied'];

export function heldLinks({
  clock,
  realmOf,
  log,
  knowledge,
  history,
  onUsed,
  onEmpty,
  onFiles,
}: HeldSettings): HeldLinks {
  const held = new Map<string, Held>();
  /** What nobody gets any more, but somebody still uses. */
  const leaving = new Set<Held>();
  let isRetired = false;
  let lastUse = 0;

  const close = (one: Held, why: string) => {
    if (one.isClosed) return;
    one.isClosed = true;
    one.cancel();
    one.watch?.stop();
    if (held.get(one.key) === one) held.delete(one.key);
    leaving.delete(one);
    one.transport.close();
    one.realm.leave();
    log(`${one.to.endpoint.label}: closed: ${why}`);
    if (held.size + leaving.size === 0) onEmpty();
  };
  /** Nobody new gets it. */
  const letGo = (one: Held, why: string) => {
    one.cancel();
    if (one.running === 0) return close(one, why);
    if (held.get(one.key) === one) held.delete(one.key);
    leaving.add(one);
  };
  /** With `all`, what is watched stays as long as anything is used. */
  const closeIdle = (one: Held) => {
    const left = one.to.watch === 'all' ? lastUse + one.persist - clock.now() : 0;
    if (left <= 0) return close(one, 'not used for long');
    one.cancel = clock.schedule(left, () => closeIdle(one));
  };
  const rest = (one: Held) => {
    if (one.isClosed) return;
    one.usedAt = clock.now();
    lastUse = one.usedAt;
    for (const link of one.links) link.prepare();
    one.cancel();
    if (leaving.has(one) || isRetired) return close(one, 'not used any more');
    if (one.links.size === 0) return close(one, 'no connection');
    one.cancel = clock.schedule(one.persist, () => closeIdle(one));
  };

  const make = async (key: string, to: Destination): Promise<Held> => {
    const realm = realmOf(to);
    realm.use();
    const { dialer } = realm;
    const links = new Set<Link>();
    const counted = async (link: Promise<Link>) => {
      const open = await link;
      links.add(open);
      void open.over.then(() => {
        links.delete(open);
        if (one.running === 0 && links.size === 0 && held.get(key) === one) close(one, 'its server ended it');
      });
      return open;
    };
    const one: Held = {
      ...{ key, to, realm, links },
      transport: sharedTransport({
        ...dialer,
        dial: (...request) => counted(dialer.dial(...request)),
        begin: (...request) => counted(dialer.begin(...request)),
        // The way over jump hosts is shared with others.
        close() {},
      }),
      hostKey: undefined,
      files: await stampOf(to),
      ...{ running: 0, leftBehind: 0, isClosed: false, hasRun: false },
      usedAt: clock.now(),
      persist: to.persist,
      histories: new Map(),
      cancel: () => {},
      watch: undefined,
    };
    return one;
  };

  /** The one with this key, or a new one if its key files are other ones now. */
  const find = async (to: Destination): Promise<Held> => {
    const key = keyOfDestination(to);
    const known = held.get(key);
    if (known && known.files === (await stampOf(to)) && held.get(key) === known) return known;
    if (known && held.get(key) === known) letGo(known, 'its key files have changed');
    const made = await make(key, to);
    const other = held.get(key);
    if (other) {
      made.realm.leave();
      return other;
    }
    if (isRetired) leaving.add(made);
    else held.set(key, made);
    onUsed();
    onFiles([to.settings, to.knownHosts, ...keyFilesOf(to)]);
    return made;
  };

  /** Keeps the sessions there known, over the same connections. */
  const watch = (one: Held) => {
    const { endpoint, watch: choice } = one.to;
    if (choice === 'none' || (one.watch && !one.watch.isOver())) return;
    one.watch?.stop();
    const silent = silentCaller(new AbortController().signal);
    one.watch = knowledge.watch(endpoint, {
      connect: () => one.transport.connect(endpoint, silent),
      note: (note) => tellHistories(history, one, note),
    });
  };
  /** With `grace`, the process must end. Not every server passes signals on, but without its connection it ends, so the connection is given up. */
  const leaveBehind = (one: Held, remote: RemoteProcess, grace: number | undefined) => {
    remote.close(grace);
    if (grace === undefined) return;
    // The server confirms the end of a channel when its process has ended, which it may never do.
    const cancel = clock.schedule(grace + KILLED, () => {
      one.leftBehind++;
      if (one.running <= one.leftBehind) close(one, 'a command was left behind');
      else letGo(one, 'a command was left behind');
    });
    void remote.exit.then(cancel);
  };
  const disturbing = (connection: Connection, one: Held): Connection => ({
    forward: connection.forward,
    async spawn(script, options) {
      one.hasRun = true;
      const calm = script.mayRepeat ? () => {} : (one.watch?.disturb() ?? (() => {}));
      try {
        const remote = await connection.spawn(script, options);
        void remote.exit.then(calm);
        return { ...remote, close: (grace) => leaveBehind(one, remote, grace) };
      } catch (error) {
        calm();
        throw error;
      }
    },
  });

  const all = () => [...held.values(), ...leaving];
  return {
    async use(wanted, caller, onStep) {
      const to = await withoutDoubt(wanted, realmOf(wanted).knownHosts);
      const one = await find(to);
      one.running++;
      one.cancel();
      one.persist = to.persist;
      joinHistory(history, one, to.history);
      let isLeft = false;
      const leave = () => {
        if (isLeft) return;
        isLeft = true;
        one.running--;
        if (one.running === 0) rest(one);
        else if (leaving.has(one) && one.running <= one.leftBehind) close(one, 'a command was left behind');
      };
      let isOwn = false;
      const connect = () =>
        one.transport.connect(to.endpoint, caller, (step) => {
          isOwn = true;
          if (step.kind === 'verified') one.hostKey = step.detail;
          if (step.kind === 'signed-in') log(`${to.endpoint.label}: connected`);
          onStep?.(step);
        });
      try {
        const connection = await connect().catch((error: unknown) => {
          // What somebody else has given up, or could not be asked about, says nothing about this caller.
          const isTheirs = error instanceof AppError && THEIRS.includes(error.code) && !isOwn && !caller.signal.aborted;
          if (isTheirs) return connect();
          throw error;
        });
        watch(one);
        return { connection: disturbing(connection, one), leave };
      } catch (error) {
        leave();
        throw error;
      }
    },
    status: () =>
      all().map(({ to: { endpoint }, links, running, usedAt }) => ({
        label: endpoint.label,
        place: `${endpoint.user}@${endpoint.address}:${endpoint.port}`,
        connections: links.size,
        running,
        usedAt,
      })),
    running: () => all().reduce((sum, { running }) => sum + running, 0),
    drop(hosts) {
      for (const one of all().filter(({ to }) => hosts.includes(to.endpoint.hostKeyAlias))) {
        // A VM that has stopped says nothing more, not even that its connections are over.
        for (const link of one.links) link.check(STOPPED);
        letGo(one, 'its VM was stopped');
      }
    },
    makeRoom(bastion) {
      const isTaken = ({ hasRun, usedAt }: Held) => hasRun || clock.now() - usedAt > TAKEN;
      const idle = all().filter((one) => one.running === 0 && one.links.size > 0 && isTaken(one));
      const [first] = idle
        .filter(({ to }) => isThrough(to.endpoint.route, bastion))
        .sort((a, b) => a.usedAt - b.usedAt);
      if (first) close(first, 'its place at the Bastion is needed');
      return first !== undefined;
    },
    async recheck(path) {
      for (const one of held.values()) {
        if (path === one.to.settings) letGo(one, 'the settings have changed');
        else if (keyFilesOf(one.to).includes(path) && one.files !== (await stampOf(one.to)))
          letGo(one, 'its key files have changed');
        else if (path === one.to.knownHosts && !(await isTrusted(one).catch(() => false)))
          letGo(one, 'its host key has changed');
      }
    },
    check(ms) {
      for (const { links } of all()) for (const link of links) link.check(ms);
    },
    retire() {
      isRetired = true;
      for (const one of [...held.values()]) letGo(one, 'the daemon ends');
    },
    close() {
      for (const one of all()) close(one, 'the daemon ends');
    },
  };
}
