import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import type { RemoteScript, RunScript } from '../../src/domain/remote-script.ts';
import { loginLine, payloadOf, unframe } from '../../src/transport/frame.ts';

export interface Local {
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The login shell with its arguments; `sh` by default. */
  readonly shell?: readonly string[];
}

const FRAMES = { start: 's'.repeat(32), output: 'f'.repeat(32), errors: 'e'.repeat(32) };

/** Runs a script on this machine as on a VM. A login shell gets the line, and its standard input the script, or only the first `bytes` bytes of it. */
export async function runLocally(script: RemoteScript, { environment, cwd, shell = ['sh'] }: Local, bytes?: number) {
  const [program = 'sh', ...args] = shell;
  const child = spawn(program, [...args, '-c', loginLine(FRAMES)], { env: environment, cwd, stdio: 'pipe' });
  // A script that ends early does not read all of its input.
  child.stdin.on('error', () => {});
  child.stdin.write(payloadOf(script, FRAMES, undefined).subarray(0, bytes));
  if (bytes !== undefined) child.stdin.end();
  const output = unframe(FRAMES.output, () => void child.stdin.end(`${FRAMES.output}\n`));
  output.stream.once('data', () => child.stdin.end());
  const errors = unframe(FRAMES.errors);
  const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 128)));
  const [stdout, stderr, code] = await Promise.all([
    buffer(child.stdout.pipe(output.stream)),
    buffer(child.stderr.pipe(errors.stream)),
    exit,
  ]);
  return {
    code,
    stdout,
    stderr: stderr.toString(),
    begun: output.begun(),
    noise: `${output.noise()} ${errors.noise()}`.trim(),
  };
}

export function localRunner(local: () => Local): RunScript {
  return async (script) => {
    const { code, stdout } = await runLocally(script, local());
    return { code, stdout: stdout.toString() };
  };
}
