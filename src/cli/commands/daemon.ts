import { AppError } from '../../domain/errors.ts';
import { count } from '../../domain/text.ts';
import { defineCommand } from '../command.ts';
import { daemonView } from '../views/daemon.ts';

export const daemon = defineCommand({
  usage: '<action>',
  positionals: { action: { describe: 'What to do', choices: ['status', 'stop', 'restart', 'logs'] } },
  examples: [
    { line: 'azlin daemon status', does: 'the connections that are open, and since when nobody has used them' },
    { line: 'azlin daemon stop', does: 'it ends as soon as nothing runs over its connections' },
    { line: 'azlin daemon stop --force', does: 'at once: commands and terminals over its connections are cut off' },
    { line: 'azlin daemon logs', does: 'what it has connected to, and what became of that' },
  ],
  seeAlso: ['config', 'doctor'],
  options: {
    force: { kind: 'flag', describe: 'With stop or restart: do not wait for what runs over its connections' },
  },
  async run({ positionals, args, app, config, print }) {
    const { action } = positionals;
    const control = await app.daemon(config);
    if (action === 'logs') {
      const text = await control.readLog();
      await print('stdout', text);
      return { notes: text === '' ? [`the daemon has written nothing to ${control.log} yet`] : [] };
    }
    if (args.force && action === 'status') throw new AppError('usage', '--force is for stop and restart');
    const report = await control.status();
    if (action === 'status') return { data: report ?? null, notes: report ? [] : [NONE] };
    const stopping = await control.stop(args.force);
    if (!stopping) return { notes: [action === 'restart' ? `${NONE}; the next command starts one` : NONE] };
    const { running } = stopping;
    const when =
      running > 0 && !args.force ? ` as soon as ${count(running, 'command')} over its connections ended` : '';
    const next = action === 'restart' ? '; the next command starts another one' : '';
    return { notes: [`the daemon ${when === '' ? 'has ended' : `ends${when}`}${next}`] };
  },
  view: daemonView,
});

const NONE = 'no daemon is running';
