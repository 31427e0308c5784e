import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../domain/errors.ts';
import { colouredLine, printable } from '../../domain/text.ts';
import type { OutputSink } from './exec-many.ts';

/** Writes data to a stream. If it returns a promise, wait for that before writing more. */
export type Print = (to: 'stdout' | 'stderr', data: string | Uint8Array) => Promise<void> | undefined;

type Stream = 'stdout' | 'stderr';
const LINE_BREAK = 10;
/** Bytes of unfinished lines to hold at most, for all targets together; docs/fleet.md mentions this limit. */
const MOST_HELD = 64 * 1024 * 1024;
const MOST_PIECES = 4_096;

/** Passes bytes on as they are, for one target. */
export function plainSink({ print }: { readonly print: Print }): OutputSink {
  return { write: (_target, stream, chunk) => print(stream, chunk), end: () => undefined };
}

export interface LineSettings {
  readonly print: Print;
  /** The prefix of the target's lines, ready to be printed. */
  readonly prefixOf: (target: string, stream: Stream) => string;
  /** Whether lines go to a terminal: then control sequences other than colours are removed. */
  readonly isTerminal: (stream: Stream) => boolean;
  /** Called with a warning when a line could not be kept whole. */
  readonly warn: (line: string) => void;
  readonly mostHeld?: number;
}

interface Unfinished {
  readonly target: string;
  readonly stream: Stream;
  readonly chunks: Buffer[];
  length: number;
}

/** Prints whole lines, each with the prefix of its target. If unfinished lines take too much memory, the longest one is printed in pieces. */
export function lineSink({ print, prefixOf, isTerminal, warn, mostHeld = MOST_HELD }: LineSettings): OutputSink {
  const unfinished = new Map<string, Unfinished>();
  const broken = new Set<string>();
  let held = 0;
  const take = (key: string): Buffer => {
    const { chunks = [], length = 0 } = unfinished.get(key) ?? {};
    unfinished.delete(key);
    held -= length;
    return Buffer.concat(chunks);
  };
  const keep = (target: string, stream: Stream, chunk: Buffer) => {
    if (chunk.length === 0) return;
    const key = `${stream} ${target}`;
    const line = unfinished.get(key) ?? { target, stream, chunks: [], length: 0 };
    unfinished.set(key, line);
    line.chunks.push(chunk);
    // Join them: many small buffers take more memory than their content.
    if (line.chunks.length >= MOST_PIECES) line.chunks.splice(0, line.chunks.length, Buffer.concat(line.chunks));
    line.length += chunk.length;
    held += chunk.length;
  };
  const breakLongest = (): Promise<void> | undefined => {
    if (held <= mostHeld) return undefined;
    const longest = [...unfinished.values()].reduce((most, one) => (one.length > most.length ? one : most));
    const { target, stream } = longest;
    if (!broken.has(target))
      warn(`${printable(target)}: a line is too long to keep in memory and is printed in pieces`);
    broken.add(target);
    return print(stream, lines(target, stream, take(`${stream} ${target}`)));
  };
  const lines = (target: string, stream: Stream, data: Buffer): Buffer => {
    const prefix = Buffer.from(prefixOf(target, stream));
    const parts: Buffer[] = [];
    for (let start = 0; start < data.length; ) {
      const at = data.indexOf(LINE_BREAK, start);
      const line = data.subarray(start, at < 0 ? data.length : at);
      const text = isTerminal(stream) ? Buffer.from(colouredLine(line.toString())) : line;
      parts.push(prefix, text, Buffer.of(LINE_BREAK));
      start += line.length + 1;
    }
    return Buffer.concat(parts);
  };
  return {
    write(target, stream, chunk) {
      const end = chunk.lastIndexOf(LINE_BREAK) + 1;
      const rest = chunk.subarray(end);
      if (end === 0) {
        keep(target, stream, rest);
        return breakLongest();
      }
      const whole = Buffer.concat([take(`${stream} ${target}`), chunk.subarray(0, end)]);
      keep(target, stream, rest);
      return print(stream, lines(target, stream, whole));
    },
    async end({ target }) {
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = take(`${stream} ${target}`);
        if (rest.length > 0) await print(stream, lines(target, stream, rest));
      }
    },
  };
}

/** The output of one target, as far as it was kept. */
export interface Gathered {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Whether there was more. */
  readonly isCut: boolean;
}

/** Bytes of a stream that are kept in memory at most. */
const MOST_KEPT = 8 * 1024 * 1024;

/** Keeps the output of each target, up to a limit. `taken` returns it, once. */
export function memorySink(): OutputSink & { taken(target: string): Gathered } {
  const kept = new Map<string, { readonly chunks: Buffer[]; length: number }>();
  const take = (target: string, stream: Stream) => {
    const key = `${stream} ${target}`;
    const { chunks = [], length = 0 } = kept.get(key) ?? {};
    kept.delete(key);
    return { bytes: Buffer.concat(chunks), isCut: length > MOST_KEPT };
  };
  return {
    write(target, stream, chunk) {
      const key = `${stream} ${target}`;
      const one = kept.get(key) ?? { chunks: [], length: 0 };
      kept.set(key, one);
      if (one.length < MOST_KEPT) one.chunks.push(chunk.subarray(0, MOST_KEPT - one.length));
      one.length += chunk.length;
      return undefined;
    },
    end: () => undefined,
    taken(target) {
      const [stdout, stderr] = [take(target, 'stdout'), take(target, 'stderr')];
      return { stdout: stdout.bytes, stderr: stderr.bytes, isCut: stdout.isCut || stderr.isCut };
    },
  };
}

/**
 * Writes a file for each target and stream: `web-1+main.stdout`. Rejects with `usage` if the folder cannot be made; what fails later is passed to
 * `failed`.
 */
export async function fileSink(directory: string, failed: (error: AppError) => void): Promise<OutputSink> {
  const failure = (error: unknown) =>
    new AppError('usage', `Cannot write to --output-dir ${directory}: ${messageOf(error)}`, { cause: error });
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw failure(error);
  });
  const files = new Map<string, Promise<FileHandle>>();
  const fileOf = (target: string, stream: Stream) => {
    const path = join(directory, `${fileName(target)}.${stream}`);
    const file = files.get(path) ?? open(path, 'w');
    files.set(path, file);
    return file;
  };
  const reported = (work: Promise<void>) => work.catch((error: unknown) => failed(failure(error)));
  return {
    write: (target, stream, chunk) => reported(fileOf(target, stream).then((file) => file.writeFile(chunk))),
    async end({ target, session, outcome }) {
      if (session === null) return;
      // Even if this run wrote nothing, a file of an earlier run must not be taken for its output.
      if (outcome.kind === 'absent') {
        for (const stream of ['stdout', 'stderr'])
          await reported(rm(join(directory, `${fileName(target)}.${stream}`), { force: true }));
        return;
      }
      for (const stream of ['stdout', 'stderr'] as const)
        await reported(fileOf(target, stream).then((file) => file.close()));
    },
  };
}

/** Bytes; every file system accepts that, even with what is appended. */
const LONGEST_NAME = 200;

/** A file name that every file system and every artifact store accepts, and that identifies the target exactly. */
export function fileName(target: string): string {
  const [, host = target, session] = /^((?:[^@[\]]*@)?\[[^\]]*:[^\]]*\]|[^:]*):(.*)$/s.exec(target) ?? [];
  const safe = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  const name = session === undefined ? safe(host) : `${safe(host)}+${safe(session)}`;
  if (name.length <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME)}~${createHash('sha256').update(target).digest('hex').slice(0, 10)}`;
}

/** Bytes to keep from the end of stderr. */
const LAST_WORDS = 500;

/** Remembers how each target's stderr ends: that is often the reason for a failure. */
export function tailSink(): OutputSink & { lastWords(target: string): string } {
  const tails = new Map<string, Buffer>();
  return {
    write(target, stream, chunk) {
      if (stream !== 'stderr') return undefined;
      const known = tails.get(target) ?? Buffer.alloc(0);
      tails.set(target, Buffer.concat([known, chunk.subarray(-LAST_WORDS)]).subarray(-LAST_WORDS));
      return undefined;
    },
    end: () => undefined,
    lastWords: (target) => tails.get(target)?.toString().trimEnd().split('\n').at(-1)?.trim() ?? '',
  };
}

export function tee(sinks: readonly OutputSink[]): OutputSink {
  const all = (waits: readonly (Promise<void> | undefined)[]) => {
    const pending = waits.filter((wait) => wait !== undefined);
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  };
  return {
    write: (target, stream, chunk) => all(sinks.map((sink) => sink.write(target, stream, chunk))),
    end: (result) => all(sinks.map((sink) => sink.end(result))),
  };
}
