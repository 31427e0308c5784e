import type { Contents, ContentsEntry } from '../command.ts';

const under =
  (heading: string | undefined) =>
  (name: string, summary: string, load: ContentsEntry['load']): ContentsEntry => ({ name, summary, heading, load });

const session = under('Sessions');
const command = under('Commands on VMs');
const vm = under('VMs');
const own = under('Set-up');
const internal = under(undefined);

const ENTRIES: readonly ContentsEntry[] = [
  session('list', 'List the sessions of the fleet', async () => (await import('./list.ts')).list),
  session(
    'ssh',
    'Attach to a session on a VM, creating it if it is missing',
    async () => (await import('./ssh.ts')).ssh,
  ),
  session(
    'connect',
    'Attach to a session, and stay attached when the connection is lost',
    async () => (await import('./connect.ts')).connect,
  ),
  session(
    'disconnect',
    'Detach the clients of a session, which goes on; or end it',
    async () => (await import('./disconnect.ts')).disconnect,
  ),
  session(
    'session',
    'Show or set the friendly name of a session, and how long it is needed',
    async () => (await import('./session.ts')).session,
  ),
  session(
    'rename',
    'Give a session another name; what runs in it and who is attached stay',
    async () => (await import('./rename.ts')).rename,
  ),
  session('prune', 'Close sessions that nobody needs any more', async () => (await import('./prune.ts')).prune),
  command(
    'exec',
    "Run a command in a session's context: its environment, its directory",
    async () => (await import('./exec.ts')).exec,
  ),
  command(
    'run',
    "Run a command in a session's own shell: cd and export stay for the next one",
    async () => (await import('./run.ts')).run,
  ),
  command(
    'send',
    'Type text and press keys in the active pane of a session',
    async () => (await import('./send.ts')).send,
  ),
  command(
    'jobs',
    'List durable commands: those that run, and those of the last days',
    async () => (await import('./jobs.ts')).jobs,
  ),
  command('logs', 'Show what a job has written, or what a session shows', async () => (await import('./logs.ts')).logs),
  command(
    'wait',
    'Wait for a job to end; the exit code is that of its command',
    async () => (await import('./wait.ts')).wait,
  ),
  command(
    'cancel',
    'End a job: SIGTERM to its process group, SIGKILL if that is not enough',
    async () => (await import('./cancel.ts')).cancel,
  ),
  vm(
    'status',
    'Show the state of a VM, its sessions and who is attached to them',
    async () => (await import('./status.ts')).status,
  ),
  vm('start', 'Start VMs, and wait until Azure says that they run', async () => (await import('./start.ts')).start),
  vm(
    'stop',
    'Stop and deallocate VMs: their sessions end, and so does the bill for them',
    async () => (await import('./stop.ts')).stop,
  ),
  vm(
    'host-key',
    'Show or forget the host keys that are known for a VM',
    async () => (await import('./host-key.ts')).hostKey,
  ),
  vm(
    'doctor',
    'Check everything from the settings to the shell of a VM',
    async () => (await import('./doctor.ts')).doctor,
  ),
  own(
    'init',
    'Make a settings file: asks a few questions and tests the result',
    async () => (await import('./init.ts')).init,
  ),
  own(
    'config',
    'Show the settings and where each comes from; change them',
    async () => (await import('./config.ts')).config,
  ),
  own(
    'context',
    'Settings by name, such as one for each subscription: list, use, create, delete, show',
    async () => (await import('./context.ts')).context,
  ),
  own(
    'aliases',
    'List the names for identifiers and groups that the settings give',
    async () => (await import('./aliases.ts')).aliases,
  ),
  own(
    'completion',
    'Print or install the completion for bash, zsh or fish',
    async () => (await import('./completion.ts')).completion,
  ),
  own('help', 'Explain a command or a topic', async () => (await import('./help.ts')).help),
  own(
    'demo',
    'Try azlin on a fleet of its own: real sshd and tmux on this machine',
    async () => (await import('./demo.ts')).demo,
  ),
  internal(
    '__complete',
    'Print what could stand where a shell completes, from the cache',
    async () => (await import('./complete.ts')).complete,
  ),
];

/** What the product can do, and words for hands that know other tools. */
export const CONTENTS: Contents = {
  entries: ENTRIES,
  shorthands: { open: ['ssh', '--detach'], attach: ['connect'], close: ['disconnect', '--kill'] },
};
