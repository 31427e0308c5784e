import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDuration } from '../domain/duration.ts';
import { AppError, messageOf } from '../domain/errors.ts';
import type { McpContext } from './context.ts';
import type { CommandResult } from './followed.ts';
import type { UsedSession } from './sessions.ts';

/** A folder on this machine in which the commands of a session and their output are kept for people. */
export interface Workdir {
  readonly path: string;
}

/** Something that was run in the session. */
export interface WorkdirEntry {
  readonly command: string;
  readonly result: CommandResult;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

export interface WorkdirPlace {
  /** `~/.ssh-workdir`. */
  readonly root: string;
  readonly server: string;
  /** As `newFolder` made it. */
  readonly folder: string;
}

/** The name of a new folder: `2026-11-30T010600-agent`. */
export function newFolder(name: string, now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replaceAll(':', '')}-${part(name)}`;
}

/** A name as a part of a path: it may come from others who share the registry. */
function part(name: string): string {
  return (
    name
      .replace(/[^\p{L}\p{N}_.-]/gu, '_')
      .replace(/^\.+/, '_')
      .slice(0, 100) || '_'
  );
}

export function workdirAt({ root, server, folder }: WorkdirPlace): Workdir {
  return { path: join(root, part(server), part(folder)) };
}

/** The folder in which the work of a session is kept, if it is. */
export function workdirOf({ kept }: UsedSession, { workdir }: Pick<McpContext, 'workdir'>): Workdir | undefined {
  const { server, folder } = kept;
  return folder === null ? undefined : workdirAt({ root: workdir.root, server, folder });
}

/** Makes the folder. Rejects with an AppError. */
export async function beginWorkdir({ path }: Workdir, title: string): Promise<void> {
  try {
    await mkdir(join(path, 'output'), { recursive: true, mode: 0o700 });
    await writeFile(join(path, 'commands.md'), `# ${title}\n`, { mode: 0o600, flag: 'wx' });
    await writeFile(join(path, 'entries.jsonl'), '', { mode: 0o600, flag: 'wx' });
    await summarize({ path }, 'open');
  } catch (cause) {
    throw new AppError('config', `Cannot keep the work in ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'start the session without workdir',
    });
  }
}

/** Adds a command and its output. Rejects with the system's error; a folder that is not there is not made. */
export async function addToWorkdir(workdir: Workdir, { command, result, from, to }: WorkdirEntry): Promise<void> {
  const { path } = workdir;
  const entries = await entriesIn(workdir);
  const number = `${entries.length + 1}`.padStart(3, '0');
  const output = await writeOutput(workdir, number, result);
  const how = howItWent(result);
  const time = new Date(from).toISOString();
  const fence = '`'.repeat(Math.max(3, ...[...command.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  await appendFile(
    join(path, 'commands.md'),
    `\n## ${number} ${time}\n\n${fence}sh\n${command}\n${fence}\n\n${how}, ${formatDuration(to - from)}, [output](${output})\n`,
  );
  await appendFile(join(path, 'entries.jsonl'), lineOf({ number, time, command, how, job: result.job }));
  await summarize(workdir, 'open');
}

/** Fills in how those have ended that went on when their calls returned. Rejects with the system's error. */
export async function settleWorkdir(
  workdir: Workdir,
  resultOf: (job: string) => Promise<CommandResult | undefined>,
): Promise<void> {
  const { path } = workdir;
  const entries = [...(await entriesIn(workdir))];
  let isChanged = false;
  for (const [index, entry] of entries.entries()) {
    const result = entry.how === wentOn(entry.job) ? await resultOf(entry.job) : undefined;
    if (!result || result.state === 'running') continue;
    const how = howItWent(result);
    const output = await writeOutput(workdir, entry.number, result);
    await appendFile(join(path, 'commands.md'), `\n${entry.number} has ended: ${how}, [output](${output})\n`);
    entries[index] = { ...entry, how };
    isChanged = true;
  }
  if (!isChanged) return;
  await writeFile(join(path, 'entries.jsonl'), entries.map(lineOf).join(''), { mode: 0o600 });
  await summarize(workdir, 'open');
}

async function writeOutput({ path }: Workdir, number: string, { stdout, stderr }: CommandResult): Promise<string> {
  const output = `output/${number}.txt`;
  const gap = stdout === '' || stdout.endsWith('\n') ? '' : '\n';
  const errors = stderr === '' ? '' : `${gap}--- stderr ---\n${stderr}`;
  await writeFile(join(path, output), `${stdout}${errors}`, { mode: 0o600 });
  return output;
}

const lineOf = (entry: Entry) => `${JSON.stringify(entry)}\n`;
const wentOn = (job: string) => `still running as job ${job}`;

function howItWent({ state, exitCode, signal, job }: CommandResult): string {
  if (state === 'running') return wentOn(job);
  return exitCode === null ? `${state.replace('_', ' ')}${signal === null ? '' : ` by ${signal}`}` : `exit ${exitCode}`;
}

interface Entry {
  readonly number: string;
  readonly time: string;
  readonly command: string;
  readonly how: string;
  readonly job: string;
}

async function entriesIn({ path }: Workdir): Promise<readonly Entry[]> {
  const text = await readFile(join(path, 'entries.jsonl'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Entry]));
}

/** Writes what somebody should read first. `commit`: what git says in the directory of the session. */
export async function summarize(workdir: Workdir, status: 'open' | 'closed', commit?: string): Promise<void> {
  const entries = await entriesIn(workdir);
  const cell = (text: string) => text.split('\n', 1)[0]?.slice(0, 80).replaceAll('|', '\\|') ?? '';
  const lines = [
    `# Summary`,
    '',
    `- Status: ${status}`,
    `- Commands: ${entries.length}, of which ${entries.filter(({ how }) => how !== 'exit 0').length} did not end with exit code 0`,
    ...(commit ? [`- Git commit: ${commit}`] : []),
    '',
    '| | time | command | end |',
    '|---|---|---|---|',
    ...entries.map(({ number, time, command, how }) => `| ${number} | ${time} | ${cell(command)} | ${how} |`),
  ];
  await writeFile(join(workdir.path, 'summary.md'), `${lines.join('\n')}\n`, { mode: 0o600 });
}
