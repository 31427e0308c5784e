import { z } from 'zod';
import { type Caller, withSignal } from '../../domain/caller.ts';
import { withDeadline } from '../../domain/deadline.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { runInShell } from '../../operations/exec/run-in-shell.ts';
import { showScreen } from '../../operations/jobs/logs.ts';
import { awaitTurn } from '../../operations/sessions/await-turn.ts';
import { ensureSession } from '../../operations/sessions/ensure-session.ts';
import { sessionIdentity, sessionsThere } from '../../operations/sessions/real-name.ts';
import { sendToSession } from '../../operations/sessions/send.ts';
import { describeTarget, type Target } from '../../targets/target.ts';
import { COMMAND_RESULT, WAIT, WAITING } from '../followed.ts';
import { type AgentSessions, identifierIn, SESSION, shownSession, type UsedSession } from '../sessions.ts';
import { CHANGES, defineTool, ENDS, LOOKS, type Tool, type ToolCall } from '../tool.ts';
import { beginWorkdir, newFolder, workdirAt, workdirOf } from '../workdir.ts';
import { startAndFollow } from './execute.ts';
import { sessionClose, sessionHealth, sessionReconnect } from './session-ends.ts';
import { keepWork } from './session-work.ts';
import { knownVms, permitted, sessionOn } from './targets.ts';

const WARNINGS = { warnings: z.array(z.string()) };
const NAMED = { session: z.string().min(1).describe('The id of a session, or its name if only one has it') };
const NAME = z
  .string()
  .min(1)
  .max(64)
  .refine((name) => name !== 'all', 'ssh_session_close takes "all" for all sessions; use another name');

/** Tools for the sessions of agents: tmux sessions that people can attach to and watch. */
export function sessionTools(sessions: AgentSessions): readonly Tool[] {
  return [
    list(sessions),
    start(sessions),
    send(sessions),
    type(sessions),
    sessionClose(sessions),
    sessionReconnect(sessions),
    sessionHealth(),
  ];
}

const list = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_list',
    title: 'List sessions',
    description:
      'The sessions that agents have started, also those of other clients that share the registry. ssh_list has all tmux sessions.',
    input: z.object({ server: z.string().min(1).optional().describe('Only on this VM') }),
    output: z.object({ sessions: z.array(SESSION), ...WARNINGS }),
    annotations: LOOKS,
    async run({ server }, call) {
      const { context, warnings, isHidden } = call;
      const vmNamed = await knownVms(call);
      const all = await sessions.list(server);
      const found = all.filter(({ kept }) => !isHidden({ ...vmNamed(kept.server), session: kept.name }));
      const hasEnded = await endedAmong(found, call);
      const shown = found.map((one) => {
        const session = shownSession(one, context.clock.now());
        return hasEnded(one) ? { ...session, state: 'closed' as const } : session;
      });
      return { sessions: shown, warnings: [...warnings] };
    },
  });

/** Asks the VMs which of the tmux sessions have ended; of those that do not answer none counts as ended. */
async function endedAmong(all: readonly UsedSession[], { context, caller }: ToolCall) {
  const { access, clock, limits } = context;
  const placeOf = ({ kept: { login, server } }: UsedSession) => `${login === null ? '' : `${login}@`}${server}`;
  const there = new Map<string, Awaited<ReturnType<typeof sessionsThere>>>();
  const ask = async (place: string) => {
    const expired = () => new AppError('timed-out', `it did not answer in ${limits.list / 1_000} s`);
    const deadline = { clock, ms: limits.list, signal: caller.signal, expired };
    try {
      there.set(
        place,
        await withDeadline(deadline, (signal) => sessionsThere(access, place, withSignal(caller, signal))),
      );
    } catch (error) {
      caller.signal.throwIfAborted();
      caller.warn(`whether the sessions on ${place} are still there is not known: ${messageOf(error)}`);
    }
  };
  await Promise.all([...new Set(all.map(placeOf))].map(ask));
  return (one: UsedSession) => {
    const { name, identity } = one.kept;
    const found = there.get(placeOf(one));
    return (
      found !== undefined &&
      !found.some((other) => (identity === null ? other.name === name : other.identity === identity))
    );
  };
}

const start = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_start',
    title: 'Start a session',
    description:
      'Starts a shell on a VM that keeps its directory and variables from one ssh_session_send to the next. It is a tmux session: people can attach to it with `azlin connect VM:NAME`. One with that name that is there already is used.',
    input: z.object({
      server: z.string().min(1).describe('VM, resource-group/vm, or an address'),
      name: NAME.default('agent').describe('The name of the tmux session'),
      workdir: z
        .boolean()
        .optional()
        .describe('Keep its commands and their output in a folder on the machine of azlin mcp'),
    }),
    output: SESSION.extend({
      created: z.boolean().describe('Whether this call created the tmux session'),
      reconnect_token: z.string().describe('Pass it to ssh_session_reconnect within 15 minutes'),
      attach: z.string().describe('What a person types to watch it'),
      workdir: z.string().nullable().describe('The folder in which its work is kept'),
      ...WARNINGS,
    }),
    annotations: CHANGES,
    async run({ server, name, workdir: isWanted }, call) {
      const { context, clientKey, warnings } = call;
      const target = await permitted(sessionOn(server, name), call);
      const owned = async () => (await sessions.own(clientKey)).length;
      const begin = () => beginSession(target, { sessions, isKept: isWanted ?? context.workdir.isUsual }, call);
      const { used, created } = await context.clients.starting(clientKey, owned, begin);
      const { token } = await (await context.registry()).token(used.record.id);
      const shown = shownSession(used, context.clock.now());
      const attach = `azlin connect ${shellWord(identifierIn(used))}`;
      const path = workdirOf(used, context)?.path ?? null;
      const about = { created, reconnect_token: token, attach, workdir: path };
      return { ...shown, ...about, warnings: [...warnings] };
    },
  });

interface Beginning {
  readonly sessions: AgentSessions;
  /** Whether its work is to be kept in a folder. */
  readonly isKept: boolean;
}

/** Makes the tmux session if it is missing, and a record of it; one that this user's client has of it is used again. */
async function beginSession(target: Target, { sessions, isKept }: Beginning, call: ToolCall) {
  const { context, caller, client, clientKey } = call;
  const { hostname: server, session: name, created } = await ensureSession(context.access, target, caller);
  const identity = await sessionIdentity(context.access, target, caller);
  const login = target.user ?? null;
  const isSame = ({ kept }: UsedSession) =>
    kept.name === name && kept.login === login && kept.client === client && kept.identity === identity;
  const before = created ? undefined : (await sessions.ofUser(server)).find(isSame);
  if (before && (before.kept.folder !== null) === isKept) {
    sessions.adopt(before.record.id, clientKey);
    return { used: before, created };
  }
  const now = context.clock.now();
  const folder = isKept ? newFolder(name, now) : null;
  const { root } = context.workdir;
  if (folder !== null)
    await beginWorkdir(workdirAt({ root, server, folder }), `${server}:${name}, ${new Date(now).toISOString()}`);
  const fields = { name, server, login, made: created, identity, client, folder };
  return { used: await sessions.add(fields, clientKey), created };
}

const send = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_send',
    title: 'Run a command in a session',
    description:
      'Runs a command in the shell of a session, so that `cd` and `export` last. Returns its output and exit code, or after `wait` seconds state "running"; ssh_job_wait goes on from there. A shell that is busy refuses it, and while a person types there it waits.',
    input: z.object({
      ...NAMED,
      command: z.string().min(1).describe('A line of shell'),
      timeout: z
        .number()
        .positive()
        .max(30 * 86_400)
        .optional()
        .describe('Seconds after which the VM ends it; an hour by default'),
      ...WAITING,
    }),
    output: COMMAND_RESULT,
    annotations: ENDS,
    isTask: true,
    async run({ session, command, timeout, wait, max_bytes: bytes, on_cancel }, call) {
      const found = await sessions.find(session);
      const target = await permitted(identifierIn(found), call);
      const used = await sessions.use(found.record.id, 'ssh_session_send');
      const { access, limits } = call.context;
      const until = access.clock.now() + wait * 1_000;
      await awaitTurn(access, { target, identity: used.kept.identity, quiet: limits.lease, until }, call.caller);
      const ms = timeout === undefined ? limits.run : timeout * 1_000;
      const request = { target, command: [command], create: false, timeout: ms };
      const from = call.context.clock.now();
      const start = (caller: Caller) => runInShell(access, request, caller);
      const following = { wait: wait * 1_000, bytes, out: 0, err: 0 };
      const isToCancel = on_cancel === 'cancel';
      const result = await startAndFollow({ target, start, following, isToCancel }, call);
      return { ...result, warnings: [...result.warnings, ...(await keepWork(used, { command, result, from }, call))] };
    },
  });

const type = (sessions: AgentSessions) =>
  defineTool({
    name: 'ssh_session_type',
    title: 'Type into a session',
    description:
      'Types text and keys into whatever runs in a session, for example the answer to a question. Returns what the screen showed right after that; ssh_screen shows it again.',
    input: z.object({
      ...NAMED,
      text: z.string().default('').describe('Typed as it is, without Enter'),
      keys: z.array(z.string().min(1)).default([]).describe('After the text, by tmux names: Enter, Escape, Up, C-c'),
    }),
    output: z.object({ target: z.string(), screen: z.string(), ...WARNINGS }),
    annotations: ENDS,
    async run({ session, text, keys }, call) {
      const { context, caller, warnings } = call;
      const found = await sessions.find(session);
      const target = await permitted(identifierIn(found), call);
      const { kept } = await sessions.use(found.record.id, 'ssh_session_type');
      const { access, limits } = context;
      const until = access.clock.now() + WAIT;
      await awaitTurn(access, { target, identity: kept.identity, quiet: limits.lease, until }, caller);
      await sendToSession(access, { target, text, keys }, caller);
      const screen = await showScreen(context.access, { target, history: 0 }, caller);
      return { target: describeTarget(target), screen, warnings: [...warnings] };
    },
  });
