import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };
import type { App } from '../cli/app.ts';
import { type Clock, pausableClock } from '../domain/clock.ts';
import { oneByOne } from '../domain/concurrency.ts';
import { AppError } from '../domain/errors.ts';
import type { World } from './fleet-access.ts';

type Process = Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'execPath' | 'argv' | 'getuid'> & {
  title: string;
};

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(ms, run) {
    // Node takes a longer time for none.
    const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** A prompt that Ctrl-D closes never says so. */
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

/** The home directory of the user; an empty HOME is as good as none. */
export function homeOf(environment: Readonly<Record<string, string | undefined>>): string {
  if (environment['HOME']) return environment['HOME'];
  try {
    return userInfo().homedir;
  } catch {
    // A number that no name belongs to, as in some containers.
    return '/';
  }
}

/** The real world around the program. Nothing is loaded before it is needed: `--help` touches neither settings, Azure nor SSH. */
export function createApp(process: Process): App {
  // Its streams are not touched before they are needed: making each costs a millisecond, and standard input may be somebody else's.
  const { env: environment, execPath, argv } = process;
  const home = homeOf(environment);
  const clock = pausableClock(systemClock);
  const inTurn = oneByOne();
  const closings: (() => void)[] = [];
  const hasTerminal = () => process.stdin.isTTY === true && process.stdout.isTTY === true;
  // Questions go to stderr: stdout is for data.
  const canAsk = () => process.stdin.isTTY === true && process.stderr.isTTY === true;
  /** Waits until nobody is being asked anything else: there is one terminal, and what is typed must not answer another question. */
  const asking = <T>(ask: (prompts: typeof import('../terminal/prompts.ts')) => Promise<T>): Promise<T> =>
    inTurn(async () => {
      const prompts = await import('../terminal/prompts.ts');
      return untilCtrlD(process.stdin, () => ask(prompts));
    });
  /** As `asking`, and nobody's time runs out meanwhile. */
  const askingInPause: typeof asking = (ask) => clock.duringPause(() => asking(ask));
  const cli = [execPath, argv[1] ?? ''];
  const world: World = {
    ...{ environment, home, cli, clock },
    uid: process.getuid?.(),
    wallClock: systemClock,
    questions: (before) => {
      if (!canAsk()) return undefined;
      const after = <T>(ask: Parameters<typeof asking<T>>[0]) =>
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
  return {
    environment,
    home,
    clock,
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
    async config(overrides, isMending = false) {
      const { loadConfig } = await import('../settings/config.ts');
      return loadConfig({ environment, home, isMending }, overrides);
    },
    async detect() {
      const { detect } = await import('./detect.ts');
      return detect(environment, home);
    },
    async openEditor(path) {
      const { openEditor } = await import('./editor.ts');
      return openEditor(path, environment);
    },
    async resource(path) {
      const { readResource } = await import('./resource.ts');
      return readResource(path);
    },
    async access(request) {
      const { accessOf } = await import('./fleet-access.ts');
      const { access, transport } = await accessOf(request, world);
      closings.push(transport.close);
      return access;
    },
    async known(config) {
      const { knownOf } = await import('./completion-knowledge.ts');
      return knownOf(config, world);
    },
    terminal() {
      if (!hasTerminal()) return undefined;
      return { input: process.stdin, output: process.stdout, term: environment['TERM'] || 'xterm-256color' };
    },
    pick: (picking, signal) => asking(({ pickOne }) => pickOne(picking, process.stderr, signal)),
    askText: (question, signal) => asking(({ askText }) => askText(question, process.stderr, signal)),
    canAsk,
    async confirm(question, signal) {
      return canAsk() ? askingInPause(({ confirm }) => confirm(question, process.stderr, signal)) : undefined;
    },
    async demo(request, signal) {
      const { runDemo } = await import('../demo/run-demo.ts');
      const interactive = hasTerminal() && !request.tour;
      return runDemo({ ...request, clock, environment, interactive, cli }, signal);
    },
    close() {
      for (const close of closings) close();
    },
  };
}
