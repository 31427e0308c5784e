import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { removeFolder } from '../../../src/demo/remove-folder.ts';

test('a folder that is being written to goes as soon as the writer ends', async () => {
  const folder = mkdtempSync('/tmp/azlin-remove-');
  for (let n = 0; n < 200; n++) mkdirSync(join(folder, `${n}`));
  const line =
    'echo on; i=0; while [ $i -lt 150 ] && [ -d "$1" ]; do mkdir "$1/new" "$1/new/$i"; i=$((i + 1)); done 2>/dev/null';
  const writer = spawn('sh', ['-c', line, 'sh', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(writer.stdout, 'data');
  removeFolder(folder);
  expect(existsSync(folder)).toBe(false);
  if (writer.exitCode === null) await once(writer, 'close');
  expect(existsSync(folder)).toBe(false);
});
