import {
  type CallToolResult,
  type InputRequiredResult,
  isInputRequiredResult,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../domain/clock.ts';
import { saidIn } from '../said-in.ts';
import type { ToolName } from '../tool-names.ts';
import type { SeenChange } from './change.ts';

const SESSIONS = 'azlin://sessions';
const encoded = encodeURIComponent;
export const screenUri = (server: string, session: string) => `azlin://screen/${encoded(server)}/${encoded(session)}`;

/** The resources that a change concerns. */
export function changedUris({ hostname, session, before, isListed, job }: SeenChange): readonly string[] {
  if (hostname !== undefined && job !== undefined) return [`azlin://job/${encoded(hostname)}/${encoded(job)}`];
  if (hostname === undefined || session === undefined) return [SESSIONS];
  const names = before ? [session, before] : [session];
  return [...names.map((name) => screenUri(hostname, name)), ...(isListed ? [SESSIONS] : [])];
}

interface Reading {
  /** Calls a tool. */
  read(
    tool: ToolName,
    args: Readonly<Record<string, unknown>>,
    request: ServerContext,
  ): Promise<CallToolResult | InputRequiredResult>;
  /** Whether the settings let clients list the fleet. Whoever may not may know of a session all the same. */
  isFleetListed(): Promise<boolean>;
}

/** Offers sessions, screens and jobs as resources. Reading one is the call of a tool: it is allowed where that is, and written down like that. */
export function offerResources(server: McpServer, { read, isFleetListed }: Reading): void {
  server.registerResource(
    'sessions',
    SESSIONS,
    { title: 'Sessions of agents', mimeType: JSON_TYPE, description: 'What ssh_session_list returns' },
    async (uri, request) => contentsOf(uri, await read('ssh_session_list', {}, request)),
  );
  server.registerResource(
    'screen',
    new ResourceTemplate('azlin://screen/{server}/{session}', {
      async list(request) {
        if (!(await isFleetListed())) return { resources: [] };
        const result = await read('ssh_list', {}, request);
        if (isInputRequiredResult(result)) return { resources: [] };
        if (result.isError) throw new ProtocolError(ProtocolErrorCode.InternalError, saidIn(result));
        const { rows } = result.structuredContent as { readonly rows: readonly Row[] };
        return {
          resources: rows.flatMap(({ server: vm, session }) =>
            session === null ? [] : [{ uri: screenUri(vm, session), name: `${vm}:${session}`, mimeType: TEXT }],
          ),
        };
      },
    }),
    { title: 'The screen of a session', mimeType: TEXT, description: 'What ssh_screen returns' },
    async (uri, { server: vm, session }, request) => {
      const result = await read('ssh_screen', { target: `${decoded(vm)}:${decoded(session)}` }, request);
      return contentsOf(uri, result, 'screen');
    },
  );
  server.registerResource(
    'job',
    new ResourceTemplate('azlin://job/{server}/{job}', { list: undefined }),
    {
      title: 'A job',
      mimeType: JSON_TYPE,
      description: 'Its state and output, as ssh_job_wait returns them without waiting',
    },
    async (uri, { server: vm, job }, request) =>
      contentsOf(uri, await read('ssh_job_wait', { server: decoded(vm), job: decoded(job), wait: 0 }, request)),
  );
}

const [JSON_TYPE, TEXT] = ['application/json', 'text/plain'];

interface Row {
  readonly server: string;
  readonly session: string | null;
}

const decoded = (value: string | readonly string[] | undefined) => decodeURIComponent(`${value}`);

/** The result of a tool as the contents of a resource: one field of it as text, or all of it as JSON. */
function contentsOf(
  uri: URL,
  result: CallToolResult | InputRequiredResult,
  field?: string,
): ReadResourceResult | InputRequiredResult {
  if (isInputRequiredResult(result)) return result;
  const said = saidIn(result);
  if (result.isError) throw new ProtocolError(ProtocolErrorCode.InvalidParams, said);
  const value = (result.structuredContent as Readonly<Record<string, unknown>>)[field ?? ''];
  const text = field === undefined ? said : `${value}`;
  return { contents: [{ uri: uri.href, mimeType: field === undefined ? JSON_TYPE : TEXT, text }] };
}

type OnChange = (hear: (change: SeenChange) => void) => () => void;

interface Telling {
  readonly onChange: OnChange;
  readonly clock: Pick<Clock, 'schedule'>;
}

/** Milliseconds after which a client has its first answer, and can ask for changes. */
const SOON = 20;

/** Tells of all changes, for newer clients: whoever serves them sorts out what they want to know. */
export function tellChanges({ server }: McpServer, { onChange, clock }: Telling): void {
  let stop = clock.schedule(SOON, () => {
    stop = onChange((change) => {
      for (const uri of changedUris(change)) server.sendResourceUpdated({ uri }).catch(() => {});
    });
  });
  server.onclose = () => stop();
}

/** Tells clients of 2025 of changes that they have subscribed to; newer ones are told by whoever serves them. */
export function serveSubscriptions({ server }: McpServer, onChange: OnChange): void {
  const wanted = new Set<string>();
  let stop: (() => void) | undefined;
  const follow = () => {
    stop ??= onChange((change) => {
      for (const uri of changedUris(change)) if (wanted.has(uri)) server.sendResourceUpdated({ uri }).catch(() => {});
    });
  };
  server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
    wanted.add(uri);
    follow();
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', async ({ params: { uri } }) => {
    wanted.delete(uri);
    return {};
  });
  server.onclose = () => stop?.();
}
