import { describe, expect, test } from '@jest/globals';
import { isInputRequiredResult, type McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { toAppError } from '../../../src/domain/errors.ts';
import { type AskedCall, enforce, questionOf } from '../../../src/mcp/confirm.ts';

const server = { server: { getClientCapabilities: () => ({ elicitation: {} }) } } as Partial<McpServer> as McpServer;
const context = (requestState?: string, confirm = true) => {
  const mcpReq = {
    requestState: () => requestState,
    inputResponses: { confirm: { action: 'accept', content: { confirm } } },
  };
  return { mcpReq } as object as ServerContext;
};

const call = (args: object, request: ServerContext, name = 'prod-1'): AskedCall => ({
  ...{ tool: 'ssh_execute', args: { ...args }, request, server },
  place: { hostname: name, session: '', vm: { name, resourceGroup: 'rg', tags: {} } },
});

/** What the client is told to ask, and the state that its answer has to have. */
function ask(asked: AskedCall): { readonly message: string; readonly state: string } {
  try {
    enforce({ kind: 'confirm', rule: 'prod-*' }, asked);
  } catch (error) {
    const question = questionOf(toAppError(error));
    if (!question || !isInputRequiredResult(question)) throw error;
    const { params } = Object.values(question.inputRequests ?? {})[0] as {
      readonly params: { readonly message: string };
    };
    return { message: params.message, state: question.requestState ?? '' };
  }
  throw new Error('it was not asked');
}

const args = { server: 'prod-1', command: 'echo hello' };
const again = (asked: AskedCall) => enforce({ kind: 'confirm', rule: 'prod-*' }, asked);

describe('the agreement of a person', () => {
  test('counts for the call that it was given for, once', () => {
    const { state } = ask(call(args, context()));
    expect(again(call(args, context(state)))).toBe('agreed');
    // The same answer does not count a second time.
    const { state: next } = ask(call(args, context(state)));
    expect(() => again(call({ ...args, command: 'reboot' }, context(next)))).toThrow(/waits for the confirmation/);
    expect(() => again(call(args, context(next), 'prod-2'))).toThrow(/waits for the confirmation/);
    expect(() => again(call(args, context(next.replace(/.$/, 'x'))))).toThrow(/waits for the confirmation/);
    expect(again(call(args, context(next)))).toBe('agreed');
  });

  test('can be refused', () => {
    const { state } = ask(call(args, context()));
    expect(() => again(call(args, context(state, false)))).toThrow('ssh_execute on prod-1 was not confirmed');
  });

  test('is given for what the person has seen', () => {
    const { message } = ask(
      call(
        {
          ...{ server: 'prod-1', command: 'sh\n\u001b[2Kecho \u202ehidden', stdin: 'rm -rf /', cwd: '/srv' },
          ...{ env: { LD_PRELOAD: '/tmp/x.so' }, force: true, wait: 5, timeout: undefined },
        },
        context(),
      ),
    );
    expect(message).toBe(
      [
        ...[
          'Allow ssh_execute on prod-1?',
          'sh',
          '\\u{1b}[2Kecho \\u{202e}hidden',
          'server: "prod-1"',
          'stdin: "rm -rf /"',
        ],
        ...['cwd: "/srv"', 'env: {"LD_PRELOAD":"/tmp/x.so"}', 'force: true'],
      ].join('\n'),
    );
    // Nothing is cut off, masked, or out of sight.
    const hidden = `echo harmless${' '.repeat(2_100)}; for x in bearer /usr/bin/id; do $x; done`;
    expect(ask(call({ server: 'prod-1', command: hidden }, context())).message).toContain(
      'echo harmless[2100 blanks]; for x in bearer /usr/bin/id; do $x; done\n',
    );
    expect(ask(call({ server: 'prod-1', command: 'a\u001b]x; id; \u0007b' }, context())).message).toContain(
      '\na\\u{1b}]x; id; \\u{7}b\n',
    );
    expect(() => ask(call({ server: 'prod-1', command: 'sh', stdin: 'x'.repeat(5_000) }, context()))).toThrow(
      'too long to be shown whole',
    );
  });
});
