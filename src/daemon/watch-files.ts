import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../domain/clock.ts';

export interface FileWatch {
  /** Also watches these files, which need not exist. */
  watch(paths: readonly string[]): void;
  close(): void;
}

/** Milliseconds to wait for more: files are often written in several steps. */
const SETTLING = 50;

/** Calls `onChange` with the path of a watched file that has changed, was made or is gone. Files are replaced rather than written, so their folders are watched. */
export function watchFiles(clock: Clock, onChange: (path: string) => void): FileWatch {
  const folders = new Map<string, { readonly watcher: FSWatcher; readonly names: Set<string> }>();
  const waiting = new Map<string, () => void>();
  const changed = (path: string) => {
    waiting.get(path)?.();
    const tell = () => {
      waiting.delete(path);
      onChange(path);
    };
    waiting.set(path, clock.schedule(SETTLING, tell));
  };
  const add = (path: string) => {
    const folder = dirname(path);
    const known = folders.get(folder);
    if (known) return void known.names.add(basename(path));
    const names = new Set([basename(path)]);
    try {
      const watcher = watch(folder, { persistent: false }, (_kind, name) => {
        if (name !== null && names.has(name)) changed(join(folder, name));
      });
      watcher.on('error', () => {});
      folders.set(folder, { watcher, names });
    } catch {
      // There is no such folder, or there are too many watches. The files are looked at when a connection is asked for.
    }
  };
  return {
    watch: (paths) => paths.forEach(add),
    close() {
      for (const { watcher } of folders.values()) watcher.close();
      for (const cancel of waiting.values()) cancel();
    },
  };
}
