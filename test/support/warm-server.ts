import { setMaxListeners } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { createApp } from '../../src/app/create-app.ts';
import type { Interrupts } from '../../src/cli/app.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { IDLE_CODE, type WarmAnswer, type WarmCall } from './warm-call.ts';

/*
 * The program that `warm-azlin.ts` starts: it runs one command line after the other, without a process for each. What belongs to a process (signals, its
 * exit, its streams, its arguments) is not here.
 */

/** Milliseconds without a call after which it ends, and its exit code then. */
const IDLE = 20_000;

/** Interrupts that never come. Every VM adds a listener to the signal, so their number has no limit. */
function interruptsOfNobody(): Interrupts {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return {
    signal,
    exitCode: () => undefined,
    takeOver: () => () => {},
    onExit: () => () => {},
    onContinue: () => () => {},
  };
}

const idle = () => process.exit(IDLE_CODE);
let timer = setTimeout(idle, IDLE);
process.on('disconnect', () => process.exit(0));
process.on('message', async (call: WarmCall) => {
  clearTimeout(timer);
  process.send?.(await answer(call));
  timer = setTimeout(idle, IDLE);
});

async function answer({ cli, args, environment, input }: WarmCall): Promise<WarmAnswer> {
  // Azure's SDK reads process.env, and child processes inherit it.
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
  const [out, err] = [collector(), collector()];
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input, 'base64')]) as NodeJS.Process['stdin'];
  const stdout = out.stream as NodeJS.Process['stdout'];
  const stderr = err.stream as NodeJS.Process['stderr'];
  const argv = [process.execPath, cli, ...args];
  const { execPath, getuid } = process;
  const own = { env: process.env, stdin, stdout, stderr, execPath, argv, title: '', ...(getuid ? { getuid } : {}) };
  const io = { stdin: () => stdin, stdout, stderr };
  const exitCode = await runProgram({ argv: args, app: createApp(own), io, interrupts: interruptsOfNobody() });
  return { exitCode, stdout: out.text(), stderr: err.text() };
}

function collector() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('base64') };
}
