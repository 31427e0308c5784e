import { AppError } from '../../domain/errors.ts';
import { printable } from '../../domain/text.ts';
import { type WatchedVm, watchVm } from '../../operations/sessions/watched.ts';
import type { SeenEvent } from '../app.ts';
import { type Call, defineCommand } from '../command.ts';
import { durationOf } from '../line/exec-options.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { whyNoDaemon } from '../no-daemon.ts';

export const events = defineCommand({
  usage: '[identifier]',
  positionals: { identifier: 'Only this VM or session; all watched VMs by default' },
  examples: [
    { line: 'azlin events', does: 'what happens from now on, on the VMs that azlin has a connection to' },
    { line: 'azlin events myvm:dev', does: 'one session: it is renamed, somebody attaches, a pane ends' },
    { line: 'azlin events --since 1h', does: 'what has happened in the last hour as well' },
    { line: 'azlin events --format ndjson | jq -r .kind', does: 'for programs: a line for each' },
  ],
  seeAlso: ['list', 'who', 'daemon'],
  options: {
    since: { kind: 'text', takes: 'TIME', describe: 'Begin with what happened in the last TIME (10m, 1h)' },
    ...SCOPE_OPTIONS,
    ...SSH_OPTIONS,
  },
  async run(call) {
    const { args, positionals, app, config, caller, access, emit } = call;
    if (config.format !== 'table' && !emit)
      throw new AppError('usage', `--format ${config.format} needs an end, and events have none`, {
        hint: '--format ndjson prints a line for each',
      });
    const why = whyNoDaemon(config);
    if (why !== undefined)
      throw new AppError('usage', `azlin's daemon watches for events, and ${why}`, {
        hint: 'set AZLIN_PERSIST=10m to turn it on',
      });
    const since = durationOf('since', args.since);
    const { identifier } = positionals;
    const watched = identifier === undefined ? undefined : await watchVm(await access(), identifier, caller);
    const control = await app.daemon(config);
    const report = await control.status();
    if (!report) throw noDaemon();
    caller.progress(watchedText(watched, report.servers.length));
    const stop = keep(call, watched);
    const onEvent = (event: SeenEvent) => {
      if (isMeant(event, watched)) void show(call, event);
    };
    try {
      const from = since === undefined ? null : app.clock.now() - since;
      const closed = new AbortController();
      // The reader is gone, as with `| head`.
      call.io.stdout.once('error', () => closed.abort());
      const signal = AbortSignal.any([caller.signal, closed.signal]);
      await control.events({ since: from, signal, onEvent });
      if (closed.signal.aborted) return {};
    } finally {
      stop();
    }
    caller.signal.throwIfAborted();
    throw new AppError('connection-lost', "azlin's daemon has ended", { hint: 'azlin daemon logs may say why' });
  },
});

function noDaemon(): AppError {
  return new AppError('usage', "azlin's daemon watches for events, and it is not running", {
    hint: 'azlin list starts it; name a VM, and azlin events starts it itself',
  });
}

function watchedText(watched: WatchedVm | undefined, servers: number): string {
  if (watched) return `Watching ${watched.hostname}${watched.session === undefined ? '' : `:${watched.session}`}`;
  return `Watching ${servers} VM${servers === 1 ? '' : 's'}`;
}

function isMeant({ vm, session, before }: SeenEvent, watched: WatchedVm | undefined): boolean {
  if (!watched) return true;
  if (vm !== watched.vm) return false;
  return watched.session === undefined || session === watched.session || before === watched.session;
}

/** Milliseconds between two uses of the connection. It would be closed if nobody used it for long. */
const TOUCH = 60_000;

/** Keeps the VM watched until the returned function is called. */
function keep({ app, config, caller }: Call, watched: WatchedVm | undefined): () => void {
  const ms = Math.min(TOUCH, config.persist / 2);
  let cancel = () => {};
  const touch = () => {
    cancel = app.clock.schedule(ms, touch);
    watched?.touch().catch((error: Error) => caller.warn(error.message));
  };
  if (watched) cancel = app.clock.schedule(ms, touch);
  return () => cancel();
}

function show({ print, emit, io }: Call, event: SeenEvent): Promise<void> | undefined {
  const { at, hostname, session, kind } = event;
  const time = new Date(at).toISOString();
  if (emit) return emit([{ ...event, at: time }]);
  const more = detailOf(event);
  const where = session === '' ? hostname : `${hostname}:${session}`;
  const shown = io.stdout.isTTY ? new Date(at).toTimeString().slice(0, 8) : time;
  const line = `${shown}  ${where}  ${kind}${more ? `  ${more}` : ''}`;
  return print('stdout', `${printable(line)}\n`);
}

function detailOf({ who, before, job, exitCode, end }: SeenEvent): string {
  if (job !== undefined) return `${job}, ${end ?? `exit ${exitCode}`}`;
  if (before === undefined) return who ?? '';
  return before === '' ? 'had no friendly name' : `was "${before}"`;
}
