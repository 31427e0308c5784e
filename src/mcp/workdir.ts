import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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
  readonly job: string;
  /** Milliseconds since 1970. */
  readonly from: number;
}

export interface WorkdirPlace {
  /** `~/.ssh-workdir`. */
  readonly root: string;
  readonly server: string;
  /** As `newWorkdir` made it. */
  readonly folder: string;
}

export interface NewWorkdir {
  readonly root: string;
  readonly server: string;
  /** Of the session. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Makes a folder, and returns its name: `2026-11-30T010600-agent`, with a number behind if there is one. Rejects with an AppError. */
export async function newWorkdir({ root, server, name, now }: NewWorkdir): Promise<string> {
  const time = new Date(now).toISOString();
  const first = `${time.slice(0, 19).replaceAll(':', '')}-${part(name)}`;
  for (let next = 2, folder = first; ; folder = `${first}-${next++}`)
    if (await beginWorkdir(workdirAt({ root, server, folder }), `${server}:${name}, ${time}`)) return folder;
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

/** Makes the folder, unless it is there. Rejects with an AppError. */
async function beginWorkdir({ path }: Workdir, title: string): Promise<boolean> {
  try {
    await mkdir(join(path, 'output'), { recursive: true, mode: 0o700 });
    await writeFile(join(path, 'entries.jsonl'), lineOf({ title }), { mode: 0o600, flag: 'wx' });
    await writePages({ path }, { status: 'open' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(join(path, 'entries.jsonl'))) return false;
    throw new AppError('config', `Cannot keep the work in ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'start the session without workdir',
    });
  }
}

/** Adds a command that has begun. Rejects with the system's error; a folder that is not there is not made. */
export async function addToWorkdir(workdir: Workdir, { command, job, from }: WorkdirEntry): Promise<void> {
  const number = await newNumber(workdir, (await read(workdir)).entries.length + 1);
  await append(workdir, { number, time: new Date(from).toISOString(), command, job });
  await writePages(workdir, { status: 'open' });
}

/** The first number from `at` on that nobody has. Its output file is made now: another server can work in the same folder. */
async function newNumber(workdir: Workdir, at: number): Promise<string> {
  for (let next = at; ; next++) {
    const number = `${next}`.padStart(3, '0');
    try {
      await writeFile(join(workdir.path, outputOf(number)), '', { mode: 0o600, flag: 'wx' });
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Fills in how commands have ended, as far as that is known: by the ids of their jobs. Rejects with the system's error. */
export async function settleWorkdir(
  workdir: Workdir,
  resultOf: (job: string) => Promise<CommandResult | undefined>,
  now: number,
): Promise<void> {
  for (const { number, job, time, how } of (await read(workdir)).entries) {
    const result = how === undefined ? await resultOf(job) : undefined;
    if (!result || result.state === 'running') continue;
    await writeFile(join(workdir.path, outputOf(number)), outputIn(result), { mode: 0o600 });
    await append(workdir, { number, how: howItWent(result), took: formatDuration(now - Date.parse(time)) });
  }
  await writePages(workdir, { status: 'open' });
}

/** `commit`: what git says in the directory of the session. */
export function closeWorkdir(workdir: Workdir, commit: string | undefined): Promise<void> {
  return writePages(workdir, { status: 'closed', commit });
}

const outputOf = (number: string) => `output/${number}.txt`;

function outputIn({ stdout, stderr }: CommandResult): string {
  const gap = stdout === '' || stdout.endsWith('\n') ? '' : '\n';
  return `${stdout}${stderr === '' ? '' : `${gap}--- stderr ---\n${stderr}`}`;
}

function howItWent({ state, exitCode, signal }: CommandResult): string {
  return exitCode === null ? `${state.replace('_', ' ')}${signal === null ? '' : ` by ${signal}`}` : `exit ${exitCode}`;
}

interface Entry {
  readonly number: string;
  /** ISO 8601. */
  readonly time: string;
  readonly command: string;
  readonly job: string;
  /** How it has ended, and what that took; undefined as long as it is not known to have ended. */
  readonly how?: string;
  readonly took?: string;
}

const lineOf = (value: object) => `${JSON.stringify(value)}\n`;

/** `entries.jsonl` is only ever added to: the pages for people are made from it. What is cut off there does not spoil what follows. */
async function append({ path }: Workdir, value: object): Promise<void> {
  const file = join(path, 'entries.jsonl');
  const isOpen = !(await readFile(file, 'utf8')).endsWith('\n');
  await appendFile(file, `${isOpen ? '\n' : ''}${lineOf(value)}`);
}

async function read({ path }: Workdir): Promise<{ readonly title: string; readonly entries: readonly Entry[] }> {
  const entries = new Map<string, Entry>();
  let title = '';
  for (const line of (await readFile(join(path, 'entries.jsonl'), 'utf8')).split('\n')) {
    const value = valueIn(line);
    if (typeof value.title === 'string') title = value.title;
    if (value.number !== undefined) entries.set(value.number, { ...EMPTY, ...entries.get(value.number), ...value });
  }
  return { title, entries: [...entries.values()] };
}

const EMPTY: Entry = { number: '', time: '', command: '', job: '' };

function valueIn(line: string): Partial<Entry> & { readonly title?: string } {
  try {
    return JSON.parse(line) as Partial<Entry>;
  } catch {
    return {};
  }
}

interface Status {
  readonly status: 'open' | 'closed';
  readonly commit?: string | undefined;
}

const endOf = ({ how, job }: Entry) => how ?? `running as job ${job}`;

/** Writes what people read, and first of all the summary. */
async function writePages(workdir: Workdir, { status, commit }: Status): Promise<void> {
  const { title, entries } = await read(workdir);
  const cell = (text: string) => text.split('\n', 1)[0]?.slice(0, 80).replaceAll('|', '\\|') ?? '';
  const summary = [
    `# Summary`,
    '',
    `- Status: ${status}`,
    `- Commands: ${entries.length}, of which ${entries.filter(({ how }) => how !== 'exit 0').length} did not end with exit code 0`,
    ...(commit ? [`- Git commit: ${commit}`] : []),
    '',
    '| | time | command | end |',
    '|---|---|---|---|',
    ...entries.map((entry) => `| ${entry.number} | ${entry.time} | ${cell(entry.command)} | ${endOf(entry)} |`),
  ];
  await replace(workdir, 'summary.md', `${summary.join('\n')}\n`);
  await replace(workdir, 'commands.md', `# ${title}\n${entries.map(described).join('')}`);
}

function described(entry: Entry): string {
  const { number, time, command, how, took } = entry;
  const fence = '`'.repeat(Math.max(3, ...[...command.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  const end = how === undefined ? endOf(entry) : `${how}, ${took}, [output](${outputOf(number)})`;
  return `\n## ${number} ${time}\n\n${fence}sh\n${command}\n${fence}\n\n${end}\n`;
}

async function replace({ path }: Workdir, name: string, text: string): Promise<void> {
  const draft = join(path, `.${name}.${randomUUID()}`);
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, join(path, name));
}
