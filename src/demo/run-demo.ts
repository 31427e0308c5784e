import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Clock } from '../domain/clock.ts';
import { type DemoFleet, startDemoFleet } from './demo-fleet.ts';
import { ensureTools } from './tools.ts';
import { takeTour } from './tour.ts';
import { noTerminalReason } from './virtual-machine.ts';

export interface DemoRun {
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Program and arguments that run azlin. */
  readonly cli: readonly string[];
  /** Open a shell instead of running the tour. */
  readonly interactive: boolean;
  readonly stdout: Writable;
  readonly note: (line: string) => void;
  /** Until the returned function is called, `restore` runs when this process ends, however that happens. */
  readonly onExit: (restore: () => void) => () => void;
}

const WELCOME = `Six VMs are running on this machine, and a seventh is stopped. azlin in this
shell is set up for them. Try:

  azlin list                                   the sessions of the fleet
  azlin connect myvm:dev                       attach (Ctrl-B d detaches)
  azlin exec myvm:dev 'pwd; tmux ls'           run a command in a session
  azlin ssh shared-vm --tmux-session alice     a session of your own
  azlin session myvm:dev my-feature            a friendly name
  azlin connect main                           two VMs have it: an error
  azlin status myvm                            its sessions, and who is attached
  azlin connect oldvm                          it is stopped; offers to start it
  azlin ssh private-vm                         no public address: through a Bastion
  azlin ssh entra-vm                           no key: an Entra ID certificate
  azlin list --all --all-subscriptions         one subscription is closed
  azlin --help

To end the demo and remove everything it made, type exit.
`;

/** Runs the demo and cleans up after it. Returns the exit code. */
export async function runDemo(request: DemoRun, signal: AbortSignal): Promise<number> {
  const { clock, environment, cli, stdout, note } = request;
  const tools = await ensureTools(environment, note);
  note('Starting the demo fleet');
  const fleet = await startDemoFleet({ clock, tools, environment, cli });
  const forget = request.onExit(fleet.close);
  try {
    if (request.interactive) return await openShell(request, fleet, signal);
    const print = (text: string) => stdout.write(text);
    return (await takeTour({ fleet, tools, clock, print }, signal)) ? 0 : 1;
  } finally {
    fleet.close();
    forget();
  }
}

async function openShell({ environment, stdout }: DemoRun, fleet: DemoFleet, signal: AbortSignal): Promise<number> {
  stdout.write(WELCOME);
  const noTerminal = await noTerminalReason();
  if (noTerminal) stdout.write(`azlin connect cannot attach in this demo: ${noTerminal}\n`);
  const shell = environment['SHELL'] || '/bin/sh';
  const rcFile = join(fleet.directory, 'bashrc');
  await writeFile(
    rcFile,
    `[ ! -f ~/.bashrc ] || . ~/.bashrc\nPATH='${fleet.directory}/bin':"$PATH"\nPS1='(azlin demo) \\$ '\n`,
  );
  const args = basename(shell) === 'bash' ? ['--rcfile', rcFile, '-i'] : ['-i'];
  return new Promise((resolve, reject) => {
    const child = spawn(shell, args, { env: { ...fleet.environment }, stdio: 'inherit', signal });
    child.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    child.once('exit', (code) => resolve(code ?? 0));
  });
}
