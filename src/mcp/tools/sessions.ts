import { z } from 'zod';
import type { Caller } from '../../domain/caller.ts';
import { messageOf } from '../../domain/errors.ts';
import { shellWord } from '../../domain/text.ts';
import { runInShell } from '../../operations/exec/run-in-shell.ts';
import { showScreen } from '../../operations/jobs/logs.ts';
import { ensureSession } from '../../operations/sessions/ensure-session.ts';
import { sessionIdentity } from '../../operations/sessions/real-name.ts';
import { sendToSession } from '../../operations/sessions/send.ts';
import { describeTarget, identifierOf, type Target } from '../../targets/target.ts';
import { COMMAND_RESULT, WAIT, WAITING } from '../followed.ts';
import { type AgentSessions, identifierIn, SESSION, shownSession } from '../sessions.ts';
import { CHANGES, defineTool, ENDS, LOOKS, type Tool, type ToolCall } from '../tool.ts';
import { newWorkdir, workdirOf } from '../workdir.ts';
import { startAndFollow } from './execute.ts';
import { sessionClose, sessionHealth, sessionReconnect } from './session-ends.ts';
import { endedAmong, inTurn } from './session-there.ts';
import { keepBegun, keepResult } from './session-work.ts';
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
      const isKept = isWanted ?? context.workdir.isUsual;
      // Two that start the same one at once are to get the same.
      const place = `${clientKey} ${identifierOf(target)}`;
      const turn = (turns.get(place) ?? Promise.resolve()).then(() => beginSession(target, { sessions, isKept }, call));
      const over = turn.then(
        () => {},
        () => {},
      );
      turns.set(place, over);
      const { used, created } = await turn.finally(() => {
        if (turns.get(place) === over) turns.delete(place);
      });
      const { token } = await (await context.registry()).token(used.record.id);
      const shown = shownSession(used, context.clock.now());
      const attach = `azlin connect ${shellWord(identifierIn(used))}`;
      const path = workdirOf(used, context)?.path ?? null;
      const about = { created, reconnect_token: token, attach, workdir: path };
      return { ...shown, ...about, warnings: [...warnings] };
    },
  });

/** Sessions that are being started, by client and place. */
const turns = new Map<string, Promise<void>>();

interface Beginning {
  readonly sessions: AgentSessions;
  /** Whether its work is to be kept in a folder. */
  readonly isKept: boolean;
}

/** Makes the tmux session if it is missing, and a record of it; one that this client has of it is used again. */
async function beginSession(target: Target, { sessions, isKept }: Beginning, call: ToolCall) {
  const { context, caller, client, clientKey } = call;
  const { hostname: server, session: name } = target;
  const login = target.user ?? null;
  const own = await sessions.own(clientKey);
  const before = own.find(({ kept }) => kept.server === server && kept.name === name && kept.login === login);
  const newPath = async () => {
    if (!isKept) return null;
    const { root } = context.workdir;
    // The session is there by now, and must not stay without a record.
    return newWorkdir({ root, server, name, now: context.clock.now() }).catch((error: unknown) => {
      caller.warn(messageOf(error));
      return null;
    });
  };
  const begin = async () => {
    const { created } = await ensureSession(context.access, target, caller);
    const identity = await sessionIdentity(context.access, target, caller);
    if (before && before.kept.identity === identity) {
      const isFolderNew = isKept && before.kept.folder === null;
      return { used: isFolderNew ? await sessions.keepIn(before.record.id, await newPath()) : before, created };
    }
    // Its tmux session has ended.
    if (before) await sessions.remove(before.record.id);
    const fields = { name, server, login, made: created, identity, client, folder: await newPath() };
    return { used: await sessions.add(fields, clientKey), created };
  };
  return before ? begin() : context.clients.starting(clientKey, async () => own.length, begin);
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
      const named = await permitted(identifierIn(found), call);
      const used = await sessions.use(found.record.id, 'ssh_session_send');
      const { access, limits } = call.context;
      const target = await inTurn(used, { named, until: access.clock.now() + wait * 1_000 }, call);
      const ms = timeout === undefined ? limits.run : timeout * 1_000;
      const request = { target, command: [command], create: false, timeout: ms };
      const from = call.context.clock.now();
      const start = async (caller: Caller) => {
        const running = await runInShell(access, request, caller);
        await keepBegun(used, { command, job: running.job?.id ?? '', from }, call);
        return running;
      };
      const following = { wait: wait * 1_000, bytes, out: 0, err: 0 };
      const isToCancel = on_cancel === 'cancel';
      const result = await startAndFollow({ target, start, following, isToCancel }, call);
      await keepResult(used, result, call);
      return result;
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
      text: z.string().default('').describe('Text to type exactly as given; Enter is not pressed'),
      keys: z.array(z.string().min(1)).default([]).describe('After the text, by tmux names: Enter, Escape, Up, C-c'),
    }),
    output: z.object({ target: z.string(), screen: z.string(), ...WARNINGS }),
    annotations: ENDS,
    async run({ session, text, keys }, call) {
      const { context, caller, warnings } = call;
      const found = await sessions.find(session);
      const named = await permitted(identifierIn(found), call);
      const used = await sessions.use(found.record.id, 'ssh_session_type');
      const { access } = context;
      const target = await inTurn(used, { named, until: access.clock.now() + WAIT }, call);
      await sendToSession(access, { target, text, keys }, caller);
      const screen = await showScreen(context.access, { target, history: 0 }, caller);
      return { target: describeTarget(target), screen, warnings: [...warnings] };
    },
  });
