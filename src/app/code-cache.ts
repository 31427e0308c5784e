import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { Script } from 'node:vm';

/** Keeps compiled code below the folder of caches, if there is one: others can write to the folder that Node would use. Compiling takes a third of a short call. */
export function keepCompiled(caches: string): void {
  try {
    const code = join(caches, 'code');
    // Anybody who can write there could make azlin run their code.
    const { uid, mode } = statSync(caches);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return;
    if (!existsSync(code)) mkdirSync(code, { mode: 0o700 });
    const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown };
    if (enableCompileCache) enableCompileCache(code);
    else keepParts(join(code, process.version));
  } catch {
    // There is no folder yet, or none that can be used. azlin only starts more slowly without it.
  }
}

type Compile = (this: NodeJS.Module, content: string, filename: string) => unknown;

/** The same for Node before 22.8, which has no such cache: for the parts of the bundle, whose names change with their content. */
function keepParts(folder: string): void {
  const { prototype, wrap } = module as typeof module & {
    readonly prototype: { _compile: Compile };
    readonly wrap: (content: string) => string;
  };
  const compile = prototype._compile;
  if (typeof compile !== 'function') return;
  // Not imported, because most of what does not come here needs neither.
  const { Script } = process.getBuiltinModule('node:vm');
  const fresh = new Map<string, Script>();
  prototype._compile = function (content, filename) {
    if (basename(dirname(filename)) !== 'parts') return compile.call(this, content, filename);
    const path = join(folder, basename(filename));
    const script = new Script(wrap(content), { filename, cachedData: readWhole(path) });
    if (script.cachedDataRejected !== false) fresh.set(path, script);
    const require = module.createRequire(filename);
    return script.runInThisContext().call(this.exports, this.exports, require, this, filename, dirname(filename));
  };
  process.once('exit', () => {
    for (const [path, script] of fresh) keep(path, script);
    if (fresh.size > 0) dropOld(folder);
  });
}

/** Milliseconds between the newest part and one of another azlin that has not been used for long. */
const OLD = 30 * 24 * 3_600_000;

function dropOld(folder: string): void {
  try {
    const parts = readdirSync(folder).map((name) => ({
      path: join(folder, name),
      at: statSync(join(folder, name)).mtimeMs,
    }));
    const newest = Math.max(...parts.map(({ at }) => at));
    for (const { path, at } of parts) if (newest - at > OLD) rmSync(path, { force: true });
  } catch {
    // Another process is doing the same.
  }
}

/** What is kept begins with a checksum: Node trusts it, and would crash if the disk had lost a bit. */
const SUM = 20;

function sumOf(code: Buffer): Buffer {
  return process.getBuiltinModule('node:crypto').createHash('sha1').update(code).digest();
}

function readWhole(path: string): Buffer | undefined {
  try {
    const kept = readFileSync(path);
    const code = kept.subarray(SUM);
    return kept.subarray(0, SUM).equals(sumOf(code)) ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(path: string, script: Script): void {
  try {
    // Not where there is no home any more.
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { mode: 0o700 });
    const draft = `${path}.${process.pid}`;
    // At the end, so that what was compiled on the way is in it.
    const code = script.createCachedData();
    writeFileSync(draft, Buffer.concat([sumOf(code), code]), { mode: 0o600 });
    renameSync(draft, path);
  } catch {
    // The disk is full, or somebody has taken the folder away.
  }
}
