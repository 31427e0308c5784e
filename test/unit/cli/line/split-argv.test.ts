import { describe, expect, test } from '@jest/globals';
import { CONTENTS } from '../../../../src/cli/commands/index.ts';
import { GLOBAL_OPTIONS } from '../../../../src/cli/line/options.ts';
import { splitArgv } from '../../../../src/cli/line/split-argv.ts';

async function split(line: string) {
  const { own, remote, command } = await splitArgv(line.split(' '), CONTENTS, GLOBAL_OPTIONS);
  return [own.join(' '), remote.join(' '), command?.name];
}

describe('splitArgv', () => {
  test.each([
    ['exec vm:dev ls -la', 'exec vm:dev', 'ls -la', 'exec'],
    ['exec --timeout 1s vm:dev sleep --help', 'exec --timeout 1s vm:dev', 'sleep --help', 'exec'],
    ['exec --timeout=1s -l alice -e vm:dev a', 'exec --timeout=1s -l alice -e vm:dev', 'a', 'exec'],
    ['exec -lroot vm:dev -lroot', 'exec --user=root vm:dev', '-lroot', 'exec'],
    ['exec -el=root vm:dev a', 'exec -e --user=root vm:dev', 'a', 'exec'],
    ['list -grg-demo', 'list --resource-group=rg-demo', '', 'list'],
    ['exec -lalice vm:dev a', 'exec --user=alice vm:dev', 'a', 'exec'],
    ['exec -el alice vm:dev a', 'exec -el alice vm:dev', 'a', 'exec'],
    ['exec vm:dev -- ls', 'exec vm:dev', 'ls', 'exec'],
    ['exec vm:dev -- -- ls', 'exec vm:dev', '-- ls', 'exec'],
    ['exec -- vm:dev ls', 'exec vm:dev', 'ls', 'exec'],
    ['--format json exec vm:dev ls', '--format json exec vm:dev', 'ls', 'exec'],
    ['--verbose exec vm:dev exec', '--verbose exec vm:dev', 'exec', 'exec'],
    ['exec', 'exec', '', 'exec'],
    ['exec --help', 'exec --help', '', 'exec'],
    ['connect vm:dev -- make -j', 'connect vm:dev', 'make -j', 'connect'],
    ['connect vm:dev make', 'connect vm:dev make', '', 'connect'],
    ['attach vm:dev', 'connect vm:dev', '', 'connect'],
    ['close vm:dev', 'disconnect --kill vm:dev', '', 'disconnect'],
    ['-q open vm', '-q ssh --detach vm', '', 'ssh'],
    ['disconnect -- vm:dev', 'disconnect -- vm:dev', '', 'disconnect'],
    ['list --host open', 'list --host open', '', 'list'],
  ])('%s', async (line, own, remote, name) => {
    expect(await split(line)).toEqual([own, remote, name]);
  });

  test.each(['', '--help', 'nosuch x -- y', '--format', 'constructor', '__proto__'])(
    '%j belongs to no command',
    async (line) => {
      expect(await split(line)).toEqual([line, '', undefined]);
    },
  );
});
