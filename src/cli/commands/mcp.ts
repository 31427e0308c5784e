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
    'read-only': {
      kind: 'flag',
      describe: 'Offer only tools that change nothing',
      setting: 'mcpReadOnly',
      value: 'true',
    },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run({ access, app, config, io, caller, warn }) {
    const stdin = io.stdin();
    if (stdin.isTTY)
      throw new AppError('usage', 'azlin mcp speaks with a program, and this is a terminal', {
        hint: 'name it in the settings of your agent: docs/mcp.md shows how',
      });
    const { signal } = caller;
    await app.mcp({ config, access: await access(), stdin, stdout: io.stdout, signal, warn });
    return {};
  },
});
