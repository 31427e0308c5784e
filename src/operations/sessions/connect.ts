import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import { describeTarget, type Target, type TargetRef } from '../../targets/target.ts';
import {
  attachScript,
  type ClientIdentity,
  goAhead,
  ownClientScript,
  type SessionId,
  shellScript,
} from '../../tmux/attach.ts';
import { type ClientEnd, farewell } from '../../tmux/farewell.ts';
import { type PlacedClient, parseClientsHere } from '../../tmux/rows.ts';
import type { ExitStatus, RemoteProcess, Terminal } from '../../transport/transport.ts';
import type { FleetAccess } from '../access/fleet-access.ts';
import { noteCommand } from '../access/history-notes.ts';
import { startScript } from '../access/start-script.ts';
import { type Reached, withTarget } from '../access/with-target.ts';
import { sessionOf } from './session-of.ts';

export interface ConnectRequest {
  readonly target: TargetRef;
  /** Make the session if it is missing. A default session is always made. */
  readonly create: boolean;
  /** Returns the terminal as it is at that moment. */
  readonly terminal: () => Terminal;
  /** Whether the terminal supports true colour. */
  readonly trueColor: boolean;
  readonly readOnly: boolean;
  /** Attach to a view, which has its own current window. */
  readonly independent: boolean;
}

/** How being attached ended. */
export type AttachmentEnd = ClientEnd | { readonly kind: 'lost'; readonly cause: AppError };

/** A session that is about to be attached to. */
export interface AttachedSession {
  readonly target: Target;
  readonly session: SessionId;
  readonly who: ClientIdentity;
  /** The other clients that have it open already. */
  readonly others: readonly PlacedClient[];
  /** The tmux client on its terminal. It has stdin and stdout; the caller bridges them. */
  readonly remote: Pick<RemoteProcess, 'stdin' | 'stdout' | 'resize' | 'check' | 'close'>;
  /** Settles when stdout has been read to its end. */
  readonly end: Promise<AttachmentEnd>;
  /** Attaches; until then, nobody can see this client. `takeOver` detaches the others; those who stay are told, and so is the user. */
  begin(takeOver: boolean): void;
  /** Makes tmux redraw the screen. Never rejects. */
  redraw(): Promise<void>;
  /** Detaches, as far as the link allows. Never rejects. */
  leave(): Promise<void>;
}

/** Finds the session and gets everything ready. Does not touch the terminal of this process. */
export function connectSession(access: FleetAccess, request: ConnectRequest, caller: Caller): Promise<AttachedSession> {
  const who = { token: randomBytes(8).toString('hex'), label: access.settings.label };
  return withTarget({ access, target: request.target, caller }, (reached) =>
    attachTo({ access, reached, request, who, again: undefined }, caller),
  );
}

export interface Attaching {
  readonly access: FleetAccess;
  readonly reached: Reached;
  readonly request: ConnectRequest;
  readonly who: ClientIdentity;
  /** The session that was left when the connection was lost. */
  readonly again: SessionId | undefined;
}

export async function attachTo(attaching: Attaching, caller: Caller): Promise<AttachedSession> {
  const { access, reached, request, who, again } = attaching;
  const { target, run } = reached;
  const { trueColor, readOnly, independent } = request;
  const create = again === undefined && (request.create || target.origin === 'default');
  // Random, so that nobody else on the VM can know it.
  const key = randomBytes(16).toString('hex');
  const script = attachScript({ session: target.session, create, who, readOnly, independent, trueColor, again, key });
  const terminal = request.terminal();
  // It may run twice, because it attaches to nothing before it gets the line of `goAhead`.
  const { remote, words, text } = await startScript({ access, reached, script, terminal, mayRepeat: true, caller });
  const [, id = '', born = '', now] = words;
  const parting = farewell(key);
  const stdout = remote.stdout.pipe(parting.stream);
  const { stdin, resize, check, close } = remote;
  // Failing does no harm. The caller's signal is not used, because its abort may be the reason for the call.
  const { signal: always } = new AbortController();
  const tell = (command: 'refresh-client' | 'detach-client') =>
    run(ownClientScript(who.token, command), always).then(
      () => {},
      () => {},
    );
  const end = endOf(remote, parting, target);
  const others = parseClientsHere(text, id, Number(now)).filter(({ token }) => token !== who.token);
  // Somebody who was attached a moment ago knows who is there.
  const named = again ? [] : others;
  return {
    target,
    session: { id, born },
    who,
    others,
    remote: { stdin, stdout, resize, check, close },
    end,
    begin: (takeOver) =>
      void stdin.write(goAhead(key, takeOver, takeOver ? named.filter(({ sessionId }) => sessionId !== id) : named)),
    redraw: () => tell('refresh-client'),
    leave: () => tell('detach-client').then(() => endedSoon(access.clock, end)),
  };
}

/** Milliseconds that the farewell of a client may take after the client was told to detach. */
const FAREWELL = 1_000;

function endedSoon(clock: Clock, end: Promise<AttachmentEnd>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(FAREWELL, resolve);
    void end.then(() => {
      cancel();
      resolve();
    });
  });
}

function readToEnd(stream: Readable): Promise<void> {
  return finished(stream, { writable: false }).catch(() => {});
}

async function endOf(
  remote: RemoteProcess,
  { stream, end }: ReturnType<typeof farewell>,
  target: Target,
): Promise<AttachmentEnd> {
  const [exit] = await Promise.all([remote.exit, readToEnd(stream)]);
  const said = end(target.hostname);
  if (said) return said;
  if (exit.kind === 'lost') return exit;
  const message = `The process of azlin in "${describeTarget(target)}" was killed`;
  return { kind: 'lost', cause: new AppError('vm-failed', message) };
}

export interface OpenedShell {
  readonly target: Target;
  readonly remote: RemoteProcess;
  /** Settles when stdout has been read to its end. */
  readonly end: Promise<ExitStatus>;
}

/** Opens a login shell on the target's VM, without tmux. */
export function openShell(
  access: FleetAccess,
  { target, terminal }: Pick<ConnectRequest, 'target' | 'terminal'>,
  caller: Caller,
): Promise<OpenedShell> {
  return withTarget({ access, target, caller }, async (reached) => {
    const opening = { access, reached, script: shellScript(), terminal: terminal(), mayRepeat: true, caller };
    const { remote } = await startScript(opening);
    const end = noteCommand(access, reached.target, { program: 'shell', outcome: endOfShell(remote) });
    return { target: reached.target, remote, end };
  });
}

/** Settles when the output of a process on a terminal has been read to its end. */
export function endOfShell(remote: RemoteProcess): Promise<ExitStatus> {
  return Promise.all([remote.exit, readToEnd(remote.stdout)]).then(([exit]) => exit);
}

/** Rejects like `connectSession` if the session does not exist. */
export function requireSession(access: FleetAccess, ref: TargetRef, caller: Caller): Promise<void> {
  return withTarget({ access, target: ref, caller }, async ({ target, tmux }) => {
    if (target.origin === 'default') return;
    sessionOf(await tmux.list(caller.signal), target);
  });
}
