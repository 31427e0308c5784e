import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { azlin, CLI, type Finished, type RunOptions } from './fleet.ts';
import { IDLE_CODE, type WarmAnswer, type WarmCall } from './warm-call.ts';

/** Where global-setup.ts builds the server. */
export const WARM_SERVER = fileURLToPath(new URL('../../node_modules/.cache/azlin/warm-server.cjs', import.meta.url));

interface Server {
  readonly child: ChildProcess;
  isBusy: boolean;
}

/** By the variables that Node itself reads when it starts. */
const servers = new Map<string, Server>();

/**
 * Like `azlin`, but in a process that has already started and loaded everything, which takes a third of the time. The whole program except `main.ts` runs
 * there, on the real fleet. Not for tests of what belongs to a process: signals, terminals, its exit, large outputs. Two lines at the same time run in two
 * processes.
 */
export async function warmAzlin(
  fleet: Pick<DemoFleet, 'environment'>,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const environment = { ...fleet.environment, ...options.environment };
  const isOwnProcess = options.cwd !== undefined || args.some((word) => word.includes('\ufffd'));
  if (isOwnProcess) return azlin(fleet, args, options);
  const input = Buffer.from(options.input ?? '').toString('base64');
  const call = { cli: CLI, args, environment, input };
  for (;;) {
    const server = serverFor(environment);
    if (server.isBusy) return azlin(fleet, args, options);
    server.isBusy = true;
    const answer = await ask(server.child, call).finally(() => {
      server.isBusy = false;
    });
    // It may end for want of calls just as one is sent to it.
    if (!answer) continue;
    const bytes = Buffer.from(answer.stdout, 'base64');
    const stderr = Buffer.from(answer.stderr, 'base64').toString();
    return { exitCode: answer.exitCode, stdout: bytes.toString(), stderr, bytes };
  }
}

function serverFor(environment: Readonly<Record<string, string>>): Server {
  const key = JSON.stringify(Object.entries(environment).filter(([name]) => /^(NODE_|SSL_)/.test(name)));
  const known = servers.get(key);
  if (known?.child.connected && known.child.exitCode === null) return known;
  const child = fork(WARM_SERVER, { env: environment, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  // The test that starts it must not wait for it to end.
  child.unref();
  child.channel?.unref();
  const server: Server = { child, isBusy: false };
  servers.set(key, server);
  return server;
}

/** Undefined if the server has ended without looking at the call. */
function ask(child: ChildProcess, call: WarmCall): Promise<WarmAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: WarmAnswer) => {
      child.off('exit', onExit);
      resolve(answer);
    };
    const onExit = (code: number | null, signal: string | null) => {
      child.off('message', onMessage);
      if (code === IDLE_CODE) resolve(undefined);
      else reject(new Error(`the warm azlin ended with ${code ?? signal}`));
    };
    child.once('message', onMessage).once('exit', onExit);
    // If it is just ending, this cannot be sent, and its end says so.
    child.send(call, () => {});
  });
}
