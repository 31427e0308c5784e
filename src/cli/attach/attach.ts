import type { Caller } from '../../domain/caller.ts';
import { formatAge } from '../../domain/duration.ts';
import { AppError } from '../../domain/errors.ts';
import { exitStatusOf } from '../../domain/outcome.ts';
import { clientName } from '../../domain/session.ts';
import { printable, shellWord } from '../../domain/text.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import {
  type AttachedSession,
  type ConnectRequest,
  connectSession,
  type OpenedShell,
  openShell,
} from '../../operations/sessions/connect.ts';
import { sizeOf, type TerminalStreams } from '../../terminal/terminal.ts';
import type { CallContext } from '../command.ts';
import type { AttachArgs } from '../line/attach-options.ts';
import { followSession, type Left } from './follow-session.ts';
import { withTerminal } from './hold-terminal.ts';
import { warnOfNesting } from './nesting.ts';

export interface AttachRequest {
  readonly identifier: string;
  readonly create: boolean;
  readonly terminal: TerminalStreams;
}

export type AttachCall = CallContext & { readonly args: AttachArgs };

/** Attaches, and gives the terminal to the session until it is left, over as many connections as it takes. */
export async function attach(call: AttachCall, attaching: AttachRequest): Promise<{ readonly exitCode: number }> {
  const { args, app, config, caller } = call;
  const { identifier, create, terminal } = attaching;
  const request: ConnectRequest = {
    target: identifier,
    create,
    terminal: () => sizeOf(terminal),
    trueColor: /^(truecolor|24bit)$/.test(app.environment['COLORTERM'] ?? ''),
    readOnly: args['read-only'],
    independent: args.independent,
  };
  await warnOfNesting(call);
  const access = await call.access();
  const first = await connectSession(access, request, caller);
  const takeOver = await mayTakeOver(call, first);
  const { hostname, session } = first.target;
  const left = await withTerminal(call, { terminal, title: `${session}@${hostname}`, isInOrder }, (held) => {
    const following = { access, request, held, clock: app.clock, attempts: config.reconnect, takeOver };
    return followSession(following, first, caller);
  });
  return said(call, first, left);
}

/** Whether the far side has restored the screen. */
function isInOrder({ kind }: Left): boolean {
  return kind === 'detached' || kind === 'ended';
}

/** Says in one line how the session was left, and returns the exit code. Throws what made it fail. */
function said({ note }: AttachCall, { target }: AttachedSession, left: Left): { readonly exitCode: number } {
  const where = printable(`${target.hostname}:${target.session}`);
  const by = 'by' in left && left.by !== undefined ? ` by ${left.by}` : '';
  switch (left.kind) {
    case 'failed':
    case 'lost':
      throw left.cause;
    case 'detached':
      note(`${where}: detached${by}; the session is still running`);
      return { exitCode: 0 };
    case 'ended':
      note(`${where}: the session ${by === '' ? 'has ended' : `was ended${by}`}`);
      return { exitCode: 0 };
    case 'disconnected':
      note(`${where}: disconnected; the session is still running`);
      return { exitCode: 130 };
    case 'stopped':
      note(
        `${where}: connection lost; the session is still running: azlin connect ${shellWord(`${target.hostname}:${target.session}`)}`,
      );
      return { exitCode: 130 };
  }
}

/** Says who else is attached, and asks before --take-over detaches them. Rejects if the answer is no. */
async function mayTakeOver({ args, app, note, interrupts }: AttachCall, attached: AttachedSession): Promise<boolean> {
  const { others, target, session, remote } = attached;
  const where = printable(`${target.hostname}:${target.session}`);
  if (others.length > 0) note(`${where} is in use: ${others.map((one) => describeOther(one, session.id)).join(', ')}`);
  const inTheWay = others.filter(({ sessionId }) => sessionId === session.id);
  if (!args['take-over'] || inTheWay.length === 0 || args.yes) return args['take-over'];
  const names = inTheWay.map((one) => printable(clientName(one))).join(', ');
  const isWanted = await app.confirm(`Detach ${names} from ${where}?`, interrupts.signal);
  if (isWanted) return true;
  remote.close();
  throw new AppError('interrupted', `Nobody was detached from ${where}, and you were not attached`, {
    hint: isWanted === undefined ? 'confirmation needed, but this is not a terminal; use --yes' : undefined,
  });
}

/** `bob@laptop (for 2 h, idle 5 min)`. */
function describeOther(one: AttachedSession['others'][number], sessionId: string): string {
  const facts = [
    ...(one.readOnly ? ['read-only'] : []),
    ...(one.sessionId === sessionId ? [] : ['in a view of the same windows']),
    `for ${formatAge(one.age * 1_000)}`,
    `idle ${formatAge(one.idle * 1_000)}`,
  ];
  return `${printable(clientName(one))} (${facts.join(', ')})`;
}

/** The terminal to attach. Throws an error that says what works without one. */
export function requireTerminal(
  { app }: Pick<CallContext, 'app'>,
  identifier: string,
  what = 'attach to',
): TerminalStreams {
  const terminal = app.terminal();
  if (terminal) return terminal;
  throw new AppError('usage', `Cannot ${what} "${identifier}": standard input and output are not a terminal`, {
    hint: `azlin exec ${shellWord(identifier)} COMMAND runs a command there without one`,
  });
}

/** A login shell on the VM of the identifier, without tmux. azlin exits with its exit code. */
export async function plainShell(call: CallContext, identifier: string): Promise<{ readonly exitCode: number }> {
  const terminal = requireTerminal(call, identifier);
  const request = { target: identifier, terminal: () => sizeOf(terminal) };
  return bridged(call, terminal, await openShell(await call.access(), request, call.caller));
}

/** A command with the terminal of this process. azlin exits with its exit status. */
export async function onTerminal(
  call: CallContext,
  { identifier, open }: { readonly identifier: string; readonly open: OpenOnTerminal },
): Promise<{ readonly exitCode: number }> {
  const terminal = requireTerminal(call, identifier, 'use a terminal on');
  return bridged(call, terminal, await open(await call.access(), () => sizeOf(terminal), call.caller));
}

type OpenOnTerminal = (
  access: FleetAccess,
  terminal: ConnectRequest['terminal'],
  caller: Caller,
) => Promise<OpenedShell>;

async function bridged(
  call: CallContext,
  terminal: TerminalStreams,
  { target, remote, end: ended }: OpenedShell,
): Promise<{ readonly exitCode: number }> {
  const { caller } = call;
  const isInOrder = (end: Awaited<typeof ended> | undefined) => end?.kind === 'exited';
  const end = await withTerminal(call, { terminal, title: target.hostname, isInOrder }, (held) =>
    held.bridge({ remote, end: ended, redraw: () => {} }, caller.signal),
  );
  if (end && end.kind !== 'lost') return { exitCode: exitStatusOf(end) };
  // The shell may have left the cursor in the middle of a line.
  terminal.output.write('\n');
  if (end) throw end.cause;
  call.note(`${printable(target.hostname)}: disconnected; what ran there ends too`);
  return { exitCode: 130 };
}
