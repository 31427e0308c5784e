import { AppError } from '../../domain/errors.ts';
import type { FleetAccess } from '../../operations/access/fleet-access.ts';
import type { PlacedJob } from '../../operations/jobs/list-jobs.ts';
import { type CallContext, defineCommand } from '../command.ts';
import { findRequest, VM_OPTION } from '../line/job-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';

export const logs = defineCommand({
  usage: '<job>',
  positionals: { job: 'The id of a job, or an identifier for the newest job of a session' },
  examples: [
    { line: 'azlin logs deploy-42', does: 'its stdout' },
    { line: 'azlin logs --follow --lines 20 v42', does: 'its last lines, then follow it' },
    { line: 'azlin logs --stderr myvm:dev', does: 'of the newest job in that session' },
    { line: 'azlin logs --screen myvm:dev', does: 'the screen of the session' },
  ],
  seeAlso: ['jobs', 'wait'],
  options: {
    follow: { kind: 'flag', short: 'f', describe: 'Follow until the job ends' },
    stderr: { kind: 'flag', describe: 'Show stderr instead of stdout' },
    lines: {
      kind: 'text',
      takes: 'N',
      short: 'n',
      describe: 'Only the last N lines; with --screen, N lines of history',
    },
    screen: { kind: 'flag', describe: 'Show the active pane of a session' },
    ...VM_OPTION,
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, access, io, note, caller } = call;
    const name = positionals['job'] ?? '';
    const lines = args.lines === undefined ? undefined : Number(args.lines);
    if (lines !== undefined && !(Number.isInteger(lines) && lines >= 0 && lines < 1e9))
      throw new AppError('usage', `Invalid number "${args.lines}" for --lines`);
    const { showLogs, showScreen } = await import('../../operations/jobs/logs.ts');
    const fleet = await access();
    if (args.screen) {
      if (args.follow || args.stderr || args.vm !== undefined)
        throw new AppError('usage', '--screen shows a session as it is now, and only --lines works with it');
      io.stdout.write(await showScreen(fleet, { target: name, history: lines ?? 0 }, caller));
      return {};
    }
    const job = await jobOf(call, fleet, { name, vm: args.vm });
    const stream = args.stderr ? 'stderr' : 'stdout';
    await showLogs(fleet, { job, stream, lines, follow: args.follow, to: io.stdout }, caller);
    const other = args.stderr ? job.stdoutBytes : job.stderrBytes;
    if (!args.stderr && other) note(`It also wrote ${other} bytes to stderr: azlin logs --stderr ${job.id}`);
    return {};
  },
});

/** The job with that id; if there is none, the newest job of the session with that name. */
async function jobOf(
  { config, caller }: CallContext,
  fleet: FleetAccess,
  { name, vm }: { readonly name: string; readonly vm: string | undefined },
): Promise<PlacedJob> {
  const { findJob, isIdentifier, newestJob } = await import('../../operations/jobs/find-job.ts');
  if (isIdentifier(name) && vm === undefined) return newestJob(fleet, name, caller);
  try {
    return await findJob(fleet, findRequest(name, vm, config), caller);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'job-not-found' || vm !== undefined) throw error;
    try {
      return await newestJob(fleet, name, caller);
    } catch (other) {
      // It is not an identifier either, so the user probably meant a job.
      if (other instanceof AppError && /^(vm|session)-not-found$/.test(other.code)) throw error;
      throw other;
    }
  }
}
