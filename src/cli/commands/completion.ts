import { AppError } from '../../domain/errors.ts';
import { defineCommand } from '../command.ts';
import { isShell, SHELLS, scriptPath } from '../completion/shells.ts';

export const completion = defineCommand({
  usage: '[shell]',
  positionals: { shell: { describe: 'The shell; default: the one in SHELL', choices: SHELLS } },
  examples: [
    { line: 'azlin completion --install', does: 'for your shell' },
    { line: 'azlin completion zsh --install', does: 'for another one' },
    { line: 'azlin completion powershell', does: 'print it, to install it yourself' },
  ],
  seeAlso: ['config', 'help'],
  options: { install: { kind: 'flag', describe: 'Install it where the shell finds it' } },
  mendsSettings: true,
  async run({ positionals, args, app }) {
    const shell =
      positionals['shell'] ??
      app.environment['SHELL']
        ?.split('/')
        .at(-1)
        ?.replace(/^pwsh$/, 'powershell') ??
      '';
    if (!isShell(shell))
      throw new AppError(
        'usage',
        shell === '' ? 'Missing shell: SHELL is not set' : `No completion for the shell "${shell}"`,
        {
          hint: `azlin completion supports ${SHELLS.join(', ')}`,
        },
      );
    const script = await app.resource(scriptPath(shell));
    if (!args.install) return { data: script };
    const { installCompletion } = await import('../completion/install.ts');
    const { environment, home } = app;
    const { path, changed } = await installCompletion({ shell, script, environment, home });
    const also = changed === undefined ? [] : [`added a line to ${changed} that loads it`];
    return { notes: [`wrote ${path}`, ...also, `start a new ${shell} to use it`] };
  },
  view: { text: (script: string) => script, records: (script: string) => ({ script }) },
});
