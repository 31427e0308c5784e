import { readFileSync } from 'node:fs';
import packageJson from '../../package.json' with { type: 'json' };
import type { Questions } from '../domain/caller.ts';
import { pausableClock } from '../domain/clock.ts';
import { oneByOne } from '../domain/concurrency.ts';
import { AppError } from '../domain/errors.ts';
import type { AccessRequest } from '../operations/access/access-request.ts';
import type { Config, Overrides } from '../settings/config.ts';
import type { Picking } from '../terminal/picker.ts';
import type { TextQuestion } from '../terminal/prompts.ts';
import { auditFile } from './audit-file.ts';
import type { Access, World } from './fleet-access.ts';
import { homeOf } from './home.ts';
import type { InDaemon } from './in-daemon.ts';
import type { AgentRequest } from './mcp/run-mcp.ts';
import { systemClock } from './system-clock.ts';

type Process = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'execPath' | 'argv' | 'getuid'> & {
  title: string;
};

/** What the command line decides about a run of the demo. */
type DemoRequest = Omit<
  Parameters<typeof import('../demo/run-demo.ts')['runDemo']>[0],
  'clock' | 'environment' | 'interactive' | 'cli'
> & { readonly tour: boolean };

interface AppOptions {
  /** The file that azlin's daemon is started from; without it none is used. */
  readonly daemonProgram?: string;
  /** For a line that runs in the daemon. */
  readonly inDaemon?: InDaemon;
}

/** The real world around the program. Nothing is loaded before it is needed: `--help` touches neither settings, Azure nor SSH. */
export function createApp(process: Process, { daemonProgram, inDaemon }: AppOptions = {}) {
  // The streams are not touched before they are needed: creating each takes a millisecond, and another program may want standard input.
  const { env: environment, execPath, argv } = process;
  const home = homeOf(environment);
  const clock = pausableClock(systemClock);
  const cli = [execPath, argv[1] ?? ''];
  const world: World = {
    ...{ environment, home, cli, clock, daemonProgram, inDaemon },
    uid: process.getuid?.(),
    wallClock: systemClock,
  };
  const closings: Access['close'][] = [];
  const { hasTerminal, ...person } = inDaemon ? personElsewhere(inDaemon, clock) : personAt(process, clock);
  return {
    ...{ environment, home, clock },
    ...person,
    version: () => packageJson.version,
    givenArguments() {
      try {
        const words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
        return words.map((word) => Buffer.from(word, 'latin1'));
      } catch {
        return undefined;
      }
    },
    hideArguments() {
      process.title = 'azlin';
    },
    async config(overrides: Overrides, isMending = false) {
      const { loadConfig } = await import('../settings/config.ts');
      const config = await loadConfig({ environment, home, isMending }, overrides);
      inDaemon?.check(config);
      return config;
    },
    async detect() {
      const { detect } = await import('./detect.ts');
      return detect(environment, home);
    },
    async openEditor(path: string) {
      const { openEditor } = await import('./editor.ts');
      return openEditor(path, environment);
    },
    async resource(path: string) {
      const { readResource } = await import('./resource.ts');
      return readResource(path);
    },
    async access(request: AccessRequest) {
      const { accessOf } = await import('./fleet-access.ts');
      const { access, close } = await accessOf(request, world);
      closings.push(close);
      return access;
    },
    async daemon(config: Config) {
      const { daemonControl } = await import('./daemon-client.ts');
      return daemonControl(config, world);
    },
    async registry(config: Config, warn: (line: string) => void) {
      const { registryAccess } = await import('./registry/registry-access.ts');
      return registryAccess(config, world, warn);
    },
    async known(config: Config) {
      const { knownOf } = await import('./completion-knowledge.ts');
      return knownOf(config, world);
    },
    async demo(request: DemoRequest, signal: AbortSignal) {
      const { runDemo } = await import('../demo/run-demo.ts');
      const interactive = hasTerminal() && !request.tour;
      return runDemo({ ...request, clock, environment, interactive, cli }, signal);
    },
    auditFile,
    async mcp(request: AgentRequest) {
      const { runMcp } = await import('./mcp/run-mcp.ts');
      return runMcp(request, world);
    },
    async close(warn: (line: string) => void) {
      await Promise.all(closings.map((close) => close(warn)));
    },
  };
}

/** The person at the terminal of a client: only what concerns a connection is asked from here. */
function personElsewhere({ line, notHere }: InDaemon, clock: ReturnType<typeof pausableClock>) {
  const asked = async () => notHere('somebody is asked');
  const { questions } = line;
  return {
    hasTerminal: () => false,
    canAsk: () => questions !== undefined,
    terminal: () => undefined,
    pick: asked,
    askText: asked,
    confirm: async () => (questions ? asked() : undefined),
    questions(before: () => void): Questions | undefined {
      if (!questions) return undefined;
      const after = <T>(ask: () => Promise<T>) => {
        before();
        return clock.duringPause(ask);
      };
      return {
        passphrase: (question) => after(() => questions.passphrase(question)),
        confirm: (question) => after(() => questions.confirm(question)),
      };
    },
  };
}

type Prompts = typeof import('../terminal/prompts.ts');

/** The person who may be at the terminal of the process. */
function personAt(process: Process, clock: ReturnType<typeof pausableClock>) {
  const { env: environment } = process;
  const inTurn = oneByOne();
  const hasTerminal = () => process.stdin.isTTY === true && process.stdout.isTTY === true;
  // Questions go to stderr: stdout is for data.
  const canAsk = () => process.stdin.isTTY === true && process.stderr.isTTY === true;
  /** Asks one question at a time: there is one terminal, and what is typed must not answer another question. */
  const asking = <T>(ask: (prompts: Prompts) => Promise<T>): Promise<T> =>
    inTurn(async () => {
      const prompts = await import('../terminal/prompts.ts');
      return untilCtrlD(process.stdin, () => ask(prompts));
    });
  /** Like `asking`, but the clock stands still meanwhile, so that no deadline passes. */
  const askingInPause = <T>(ask: (prompts: Prompts) => Promise<T>) => clock.duringPause(() => asking(ask));
  return {
    hasTerminal,
    canAsk,
    terminal() {
      if (!hasTerminal()) return undefined;
      return { input: process.stdin, output: process.stdout, term: environment['TERM'] || 'xterm-256color' };
    },
    pick: (picking: Picking, signal: AbortSignal) => asking(({ pickOne }) => pickOne(picking, process.stderr, signal)),
    askText: (question: TextQuestion, signal: AbortSignal) =>
      asking(({ askText }) => askText(question, process.stderr, signal)),
    async confirm(question: string, signal: AbortSignal) {
      return canAsk() ? askingInPause(({ confirm }) => confirm(question, process.stderr, signal)) : undefined;
    },
    questions(before: () => void): Questions | undefined {
      if (!canAsk()) return undefined;
      const after = <T>(ask: (prompts: Prompts) => Promise<T>) =>
        askingInPause((prompts) => {
          before();
          return ask(prompts);
        });
      return {
        passphrase: (question) => after((prompts) => prompts.askPassphrase(question, process.stderr)),
        confirm: (question) => after((prompts) => prompts.confirm(question, process.stderr)),
      };
    },
  };
}

/** Rejects on Ctrl-D, which closes a prompt without settling it. */
async function untilCtrlD<T>(input: NodeJS.ReadStream, ask: () => Promise<T>): Promise<T> {
  let onKey = (_text: string | undefined, _key: { readonly ctrl?: boolean; readonly name?: string } | undefined) => {};
  const closed = new Promise<never>((_resolve, reject) => {
    onKey = (_text, key) => {
      if (key?.ctrl && key.name === 'd') reject(new AppError('interrupted', 'Interrupted'));
    };
  });
  input.on('keypress', onKey);
  try {
    return await Promise.race([ask(), closed]);
  } finally {
    input.off('keypress', onKey);
  }
}
