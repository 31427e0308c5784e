import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../support/commands.ts';
import { type DocumentFleet, startDocumentFleet } from '../support/document-fleet.ts';
import { bash } from '../support/fleet.ts';
import { openTerminal } from '../support/terminal.ts';
import { hasTool } from '../support/tools.ts';

/** What an example needs, and how it ends where that is not 0 and nothing to see to. */
interface Staging {
  /** A line of shell that makes what it speaks of. */
  readonly before?: string;
  readonly exitCode?: number;
  readonly says?: RegExp;
  /** It needs somebody at a terminal: what is seen, what is pressed then, and so on. */
  readonly typing?: readonly (readonly [sees: RegExp, ...presses: readonly string[]])[];
}

const DETACH = ['C-b', 'd'] as const;
/** The last line of tmux on the VM. */
const attached = (session: string) => new RegExp(`\\[${session}\\] `);
const make = (...sessions: readonly string[]) => sessions.map((one) => `azlin exec --create ${one} true`).join(';');
const JOBS = 'azlin exec --job deploy-42 web-1:main echo deployed; azlin exec --job v42 myvm:dev ./deploy';

/** Follows until Ctrl-C, with the daemon that other examples do without. */
const WATCHING: Staging = {
  before: `export AZLIN_PERSIST=10m; azlin start myvm; ${make('myvm:dev')}; azlin list`,
  typing: [[/Watching/, 'C-c']],
  exitCode: 130,
};

/** A call of an agent, which is written down. */
const CALLED = `echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ssh_list","arguments":{}}}' | azlin mcp`;

const STAGES: Readonly<Record<string, Staging>> = {
  'azlin connect': {
    typing: [
      [/myvm:dev/, 'Enter'],
      [attached('\\S+'), ...DETACH],
    ],
  },
  'azlin connect myvm:dev': { typing: [[attached('dev'), ...DETACH]] },
  'azlin connect dev': { typing: [[attached('dev'), ...DETACH]] },
  'azlin connect myvm:dev --read-only': { typing: [[attached('dev'), ...DETACH]] },
  'azlin connect myvm:dev --take-over': { typing: [[attached('dev'), ...DETACH]] },
  'azlin connect myvm --start': { typing: [[attached('azlin'), ...DETACH]] },
  'azlin connect myvm:dev -- make test': { says: /made test/ },
  'azlin ssh myvm': { typing: [[attached('azlin'), ...DETACH]] },
  'azlin ssh myvm --tmux-session alice': { typing: [[attached('alice'), ...DETACH]] },
  'azlin ssh myvm --no-tmux': { typing: [[/[#$]\s*$/, 'C-d']] },
  'azlin start myvm && azlin connect myvm': { typing: [[attached('azlin'), ...DETACH]] },
  'azlin demo': { typing: [[/demo.*[$#] ?$/m, 'C-d']] },
  'azlin config edit': { typing: [[/is unchanged/]] },
  'azlin init': {
    before: 'export AZURE_SUBSCRIPTION_ID=',
    typing: [
      [/Subscription: /, 'Enter'],
      [/Resource group/, 'Enter'],
      [/User name/, 'Enter'],
      [/Private key/, 'Enter'],
    ],
  },
  'azlin init -y --subscription lab -g rg-web': { exitCode: 2, says: /"lab" is not a subscription id/ },
  'azlin events': WATCHING,
  'azlin events myvm:dev': WATCHING,
  'azlin events --since 1h': WATCHING,
  'azlin list --watch': { typing: [[/Ctrl-C to stop/, 'C-c']] },
  'azlin config set --context lab ssh.user bob': { before: 'azlin context create lab -l x' },
  'azlin context create lab --subscription lab -l bob': { before: 'azlin context delete lab; true' },
  'azlin context delete lab': { before: 'azlin context create lab -l x; azlin context delete test' },
  'azlin context show lab': { before: 'azlin config unset context' },
  'azlin context; azlin list --context lab': {
    before: 'azlin context create lab --subscription lab',
    exitCode: 2,
    says: /"lab" is not a subscription id/,
  },
  'azlin aliases set prod web-1:main; azlin exec prod uptime': {
    before: `azlin start web-1; ${make('web-1:main')}`,
  },
  'azlin cancel deploy-42': { before: JOBS },
  'azlin jobs myvm; azlin cancel v42': { before: JOBS },
  'azlin wait deploy-42': { before: JOBS },
  'azlin logs deploy-42': { before: JOBS },
  'azlin logs --stderr myvm:dev': { before: 'azlin exec --job e1 myvm:dev true' },
  'azlin disconnect myvm:dev --client bob@laptop': { exitCode: 3, says: /No client with the label "bob@laptop"/ },
  "azlin disconnect '*:ci-*' --kill": { typing: [[/End 1 session\?/, 'n', 'Enter']], exitCode: 130 },
  'azlin disconnect myvm:dev': { before: make('myvm:dev') },
  'azlin exec myvm:dev ls -la': { before: make('myvm:dev'), says: /total/ },
  'azlin exec myvm:dev "cd app && make"': { says: /made/ },
  'tar c . | azlin exec --stdin myvm tar x': { before: 'true' },
  'azlin exec --detach myvm:dev make': { says: /^\w+$/m },
  'azlin exec --job v42 myvm:dev ./deploy': { says: /made/ },
  'azlin audit verify': { before: CALLED },
  'azlin audit verify calls.jsonl': { before: `${CALLED}; cp "$AZLIN_HOME/mcp-audit.jsonl" calls.jsonl` },
  'azlin audit verify --format json': { before: CALLED },
  'azlin registry show s-42': { exitCode: 3, says: /There is no record "s-42" in the registry/ },
  'azlin prune --idle 1d': { says: /nothing to close/ },
  'azlin rename myvm:dev api': { before: make('myvm:dev') },
  'azlin rename myvm work': { before: make('myvm:azlin') },
  'azlin rename dev api --resource-group rg-web': { before: `azlin disconnect web-2:api --kill; ${make('web-1:dev')}` },
  'azlin run myvm:dev -- cd app': { before: make('myvm:dev') },
  'azlin run myvm:dev "source venv/bin/activate"': { before: 'azlin run myvm:dev cd' },
  'azlin run --timeout 5m myvm:dev make test': {
    before: `azlin run myvm:dev 'make() { echo "made $*"; }'`,
    says: /made test/,
  },
  "azlin send 'web-*:main' --keys C-c": { before: make('web-1:main', 'web-2:main') },
  "azlin send myvm:dev 'make test' --keys Enter": { before: make('myvm:dev') },
  'azlin stop myvm': { typing: [[/Stop and deallocate/, 'n', 'Enter']], exitCode: 130 },
  'azlin status myvm; azlin stop myvm': { typing: [[/Stop and deallocate/, 'n', 'Enter']], exitCode: 130 },
  'azlin stop --tag env=test': { typing: [[/Stop and deallocate/, 'n', 'Enter']], exitCode: 130 },
  'azlin restart myvm': { typing: [[/Restart/, 'n', 'Enter']], exitCode: 130 },
  'azlin restart --tag env=test': { typing: [[/Restart/, 'n', 'Enter']], exitCode: 130 },
  'azlin session myvm:dev': { before: make('myvm:dev', 'web-1:ci-1') },
};

let fleet: DocumentFleet;
beforeAll(async () => {
  fleet = await startDocumentFleet();
}, 60_000);
afterAll(() => fleet.close());

async function typed(line: string, { before = 'true', typing = [], exitCode = 0 }: Staging): Promise<void> {
  const terminal = await openTerminal({ ...fleet.environment, EDITOR: 'true' }, 110, 40);
  try {
    await terminal.type(`unset TMUX; cd ${fleet.work}; ${before} >/dev/null 2>&1; clear`);
    await terminal.press('Enter');
    await terminal.shows(/^local\$\s*$/);
    await terminal.type(`${line}; echo "left with $?"`);
    await terminal.press('Enter');
    for (const [sees, ...presses] of typing) {
      await terminal.shows(sees);
      if (presses.length > 0) await terminal.press(...presses);
    }
    await terminal.shows(new RegExp(`^left with ${exitCode}$`, 'm'));
  } finally {
    await terminal.close();
  }
}

const examples = COMMANDS.map(({ name, examples: own }) => [name, own.map(({ line }) => line)] as const);
describe.each(examples)('azlin %s --help', (name, lines) => {
  // A program that the machine lacks cannot be tried.
  test.each(lines.filter((line) => !line.includes('| jq') || hasTool('jq')))(
    '%s',
    async (line) => {
      const stage = STAGES[line] ?? {};
      if (stage.typing) return typed(line, stage);
      const environment = { HOME: fleet.work, SHELL: '/bin/bash', XDG_DATA_HOME: fleet.work, ZDOTDIR: fleet.work };
      if (stage.before) await bash(fleet, stage.before, { cwd: fleet.work });
      const { exitCode, stdout, stderr } = await bash(fleet, line, { cwd: fleet.work, environment });
      expect({ exitCode, said: exitCode === (stage.exitCode ?? 0) ? '' : stdout + stderr }).toEqual({
        exitCode: stage.exitCode ?? 0,
        said: '',
      });
      if (stage.says) expect(stdout + stderr).toMatch(stage.says);
    },
    name === 'demo' ? 240_000 : 60_000,
  );
});
