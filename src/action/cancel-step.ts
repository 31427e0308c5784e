import { addKey } from './add-key.ts';
import { answerOf, jobsInScope, type StepWorld } from './azlin-process.ts';
import { isOwn, savedState, saveState } from './step-state.ts';

/** Ends the jobs of a step that was killed before it could end them itself. Otherwise there is nothing to do. */
export async function cancelStep(world: StepWorld): Promise<number> {
  const { environment, log } = world;
  const state = savedState(environment);
  if (!state) return 0;
  await addKey(environment['INPUT_SSH_KEY'] ?? '', environment);
  const left = (await jobsInScope(world, [...state.options, ...state.hosts])).filter(
    (job) => job.state === 'running' && isOwn(state, job),
  );
  const codes = await Promise.all(
    left.map(async ({ id, hostname }) => {
      const { code, stdout } = await answerOf(world, ['cancel', '--vm', hostname, ...state.options, id]);
      log.text(stdout);
      return code;
    }),
  );
  saveState(environment, undefined);
  return Math.max(0, ...codes);
}
