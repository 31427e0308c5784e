import type { Contents, ContentsEntry } from '../command.ts';

const under =
  (heading: string | undefined) =>
  (name: string, summary: string, load: ContentsEntry['load']): ContentsEntry => ({ name, summary, heading, load });

const session = under('Sessions');
const command = under('Commands');
const fleet = under('Fleet');
const setting = under('Settings');
const help = under('Help');
const internal = under(undefined);

const ENTRIES: readonly ContentsEntry[] = [
  session(
    'connect',
    'Attach to a session, and reattach when the connection is lost',
    async () => (await import('./connect.ts')).connect,
  ),
  session(
    'ssh',
    'Attach to a session on a VM, creating it if it is missing',
    async () => (await import('./ssh.ts')).ssh,
  ),
  session(
    'disconnect',
    'Detach everybody from a session, or end it',
    async () => (await import('./disconnect.ts')).disconnect,
  ),
  session(
    'session',
    'Show or set the friendly name or expiry of a session',
    async () => (await import('./session.ts')).session,
  ),
  session('rename', 'Rename a session', async () => (await import('./rename.ts')).rename),
  session('prune', 'Close sessions that nobody uses any more', async () => (await import('./prune.ts')).prune),
  command(
    'exec',
    'Run a command in the environment and directory of a session',
    async () => (await import('./exec.ts')).exec,
  ),
  command(
    'run',
    "Run a command in a session's own shell, so cd and export persist",
    async () => (await import('./run.ts')).run,
  ),
  command('send', 'Type text and press keys in a session', async () => (await import('./send.ts')).send),
  command(
    'jobs',
    'List jobs: durable commands, running or from the last 7 days',
    async () => (await import('./jobs.ts')).jobs,
  ),
  command('logs', 'Show the output of a job, or the screen of a session', async () => (await import('./logs.ts')).logs),
  command('wait', 'Wait for a job to end, and exit with its exit code', async () => (await import('./wait.ts')).wait),
  command('cancel', 'End a job', async () => (await import('./cancel.ts')).cancel),
  fleet('list', 'List the sessions of the fleet', async () => (await import('./list.ts')).list),
  fleet(
    'status',
    'Show VMs: their state, their sessions and who is attached',
    async () => (await import('./status.ts')).status,
  ),
  fleet('who', 'Show who is attached to which session', async () => (await import('./who.ts')).who),
  fleet('events', 'Follow what happens to sessions', async () => (await import('./events.ts')).events),
  fleet(
    'history',
    'Show who made, attached to, used and closed sessions',
    async () => (await import('./history.ts')).history,
  ),
  fleet(
    'doctor',
    'Check everything from the settings to the shell of a VM',
    async () => (await import('./doctor.ts')).doctor,
  ),
  fleet('restart', 'Restart VMs', async () => (await import('./restart.ts')).restart),
  fleet('start', 'Start VMs', async () => (await import('./start.ts')).start),
  fleet('stop', 'Stop and deallocate VMs', async () => (await import('./stop.ts')).stop),
  fleet(
    'host-key',
    'Show, verify or forget the host keys of a VM',
    async () => (await import('./host-key.ts')).hostKey,
  ),
  setting(
    'init',
    'Create a settings file: asks a few questions, tests the answers',
    async () => (await import('./init.ts')).init,
  ),
  setting('config', 'Show or change settings', async () => (await import('./config.ts')).config),
  setting(
    'context',
    'List, create, delete or switch named sets of settings',
    async () => (await import('./context.ts')).context,
  ),
  setting(
    'aliases',
    'List, set or unset aliases: names for identifiers',
    async () => (await import('./aliases.ts')).aliases,
  ),
  help('version', 'Show the version', async () => (await import('./version.ts')).version),
  help('help', 'Explain a command or a topic', async () => (await import('./help.ts')).help),
  help(
    'demo',
    'Try azlin on a demo fleet: real sshd and tmux on this machine',
    async () => (await import('./demo.ts')).demo,
  ),
  help(
    'completion',
    'Print or install completion for bash, zsh or fish',
    async () => (await import('./completion.ts')).completion,
  ),
  help(
    'daemon',
    'Show or end the process that keeps connections open',
    async () => (await import('./daemon.ts')).daemon,
  ),
  help(
    'registry',
    'Show or check the registry: records of sessions, in a file or a database',
    async () => (await import('./registry.ts')).registry,
  ),
  help('mcp', 'Serve agents: sessions, commands and jobs as MCP tools', async () => (await import('./mcp.ts')).mcp),
  help('audit', 'Check the log of what agents did', async () => (await import('./audit.ts')).audit),
  internal(
    '__complete',
    'Print completion candidates for a shell, from the cache',
    async () => (await import('./complete.ts')).complete,
  ),
];

/** All commands, and shorthands for people who know other tools. */
export const CONTENTS: Contents = {
  entries: ENTRIES,
  shorthands: {
    options: ['help', 'options'],
    ls: ['list'],
    ps: ['jobs'],
    open: ['ssh', '--detach'],
    attach: ['connect'],
    close: ['disconnect', '--kill'],
  },
};
