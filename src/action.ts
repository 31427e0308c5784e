import { join } from 'node:path';
import type { StepWorld } from './action/azlin-process.ts';
import { cancelStep } from './action/cancel-step.ts';
import { runStep } from './action/run-step.ts';
import { workflowLog } from './action/workflow-commands.ts';

/*
 * What action.yml runs: `node action.js run`, and `node action.js cancel` where a workflow was cancelled. The edge of its process; main.ts is that of the
 * command line.
 */

const log = workflowLog((data) => process.stdout.write(data));
const cancelling = new AbortController();
// The runner sends SIGINT, after 7.5 s SIGTERM, after 2.5 s more it kills.
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
  // The agent that this process was started under would notice its end after some seconds only.
  const { INPUT_SSH_KEY: key, SSH_AGENT_PID: agent } = process.env;
  if (key && agent) {
    try {
      process.kill(Number(agent));
    } catch {
      // It has gone before.
    }
  }
  process.stdout.write('', () => process.exit(exitCode));
}
