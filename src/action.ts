import { join } from 'node:path';
import type { StepWorld } from './action/azlin-process.ts';
import { cancelStep } from './action/cancel-step.ts';
import { runStep } from './action/run-step.ts';
import { workflowLog } from './action/workflow-commands.ts';

/*
 * The entry point of the GitHub action, as main.ts is that of the command line. action.yml runs `node action.js run`, and `node action.js cancel` when a
 * workflow was cancelled.
 */

const log = workflowLog((data) => process.stdout.write(data));
const cancelling = new AbortController();
// The runner sends SIGINT, then SIGTERM after 7.5 s, and kills after another 2.5 s.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => cancelling.abort());
const world: StepWorld = {
  environment: process.env,
  azlin: [process.execPath, join(import.meta.dirname, 'azlin.js')],
  log,
  cancelled: cancelling.signal,
};
void run();

async function run(): Promise<void> {
  const step = process.argv[2] === 'cancel' ? cancelStep : runStep;
  const exitCode = await step(world).catch((error: Error) => {
    log.error('azlin', error.message);
    return 255;
  });
  // ssh-agent runs this process, but would take seconds to notice that it has ended.
  const { INPUT_SSH_KEY: key, SSH_AGENT_PID: agent } = process.env;
  if (key && agent) {
    try {
      process.kill(Number(agent));
    } catch {
      // It is gone already.
    }
  }
  process.stdout.write('', () => process.exit(exitCode));
}
