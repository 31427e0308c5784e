import { Readable } from 'node:stream';
import { AppError } from '../../domain/errors.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

export const mcp = defineCommand({
  usage: '',
  positionals: {},
  examples: [
    { line: 'azlin mcp </dev/null', does: 'for agents: they start it, and speak with it over stdin and stdout' },
    { line: "azlin config set mcp.deny 'prod-*'; azlin mcp </dev/null", does: 'nothing on these VMs' },
    { line: 'azlin mcp --read-only </dev/null', does: 'only tools that change nothing' },
  ],
  seeAlso: ['registry', 'jobs', 'history'],
  options: {
    listen: {
      kind: 'text',
      takes: 'ADDRESS',
      describe: 'Serve clients over HTTP at 127.0.0.1:PORT; 0 takes a free port',
    },
    'read-only': {
      kind: 'flag',
      describe: 'Offer only tools that change nothing',
      setting: 'mcpReadOnly',
      value: 'true',
    },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ args, access, app, config, io, caller, note, warn }) {
    const { signal } = caller;
    const common = { config, access, stdout: io.stdout, signal, warn };
    if (args.listen !== undefined) {
      const onReady = (url: string, token: string) =>
        note(`listening on ${url}; clients show the token in ${token} as Authorization: Bearer`);
      await app.mcp({ ...common, stdin: Readable.from([]), listen: { ...addressIn(args.listen), onReady } });
      signal.throwIfAborted();
      return {};
    }
    const stdin = io.stdin();
    if (stdin.isTTY)
      throw new AppError('usage', 'azlin mcp speaks with a program, and this is a terminal', {
        hint: 'name it in the settings of your agent, as docs/mcp.md shows; --listen serves clients over HTTP',
      });
    await app.mcp({ ...common, stdin });
    return {};
  },
});

/** Throws `usage` for what is not an address of this machine itself: whoever reaches it can run commands. */
function addressIn(text: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', port = ''] = /^(?:(127\.0\.0\.1|localhost|\[::1\]):)?(\d{1,5})$/.exec(text) ?? [];
  if (port !== '' && Number(port) < 65_536) return { host: host.replace(/[[\]]/g, ''), port: Number(port) };
  throw new AppError('usage', `Cannot listen on "${text}": expected 127.0.0.1:PORT or [::1]:PORT`, {
    hint: 'other machines reach it through ssh -L',
  });
}
