import type { LoadedCommand } from '../../src/cli/command.ts';
import { CONTENTS } from '../../src/cli/commands/index.ts';

const loaded: LoadedCommand[] = [];
// One after the other, because the module loader of jest cannot handle more.
for (const entry of CONTENTS.entries) loaded.push({ ...entry, ...(await entry.load()) });

/** Every command, loaded. */
export const COMMANDS: readonly LoadedCommand[] = loaded;
