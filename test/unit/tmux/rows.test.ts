import { describe, expect, test } from '@jest/globals';
import { parseClients } from '../../../src/tmux/rows.ts';

const SESSIONS = '$0:1:1:1700000000:1700000000:main:\n$12:2:2:1700000000:1700000000:dev:team a';

describe('parseClients', () => {
  test('each with its session, and idle by the clock of the VM', () => {
    const rows = `${SESSIONS}\nclient:$12:1700000000:1700000090:80x24:0:/dev/pts/3\nclient:$0:1700000001:1700000200:9x9:1:a: b`;
    expect(parseClients(rows, 1_700_000_100)).toEqual([
      {
        name: '/dev/pts/3',
        session: 'dev',
        attachedAt: 1_700_000_000,
        idle: 10,
        columns: 80,
        rows: 24,
        readOnly: false,
      },
      { name: 'a: b', session: 'main', attachedAt: 1_700_000_001, idle: 0, columns: 9, rows: 9, readOnly: true },
    ]);
  });

  test.each([
    '',
    'client:',
    'client:$9:1:1:1x1:0:x',
    'client:$0:x:1:1x1:0:x',
    'client:$0:1:1:1x1:0:',
    '$0:1:1:1:1:main:client:$0:1:1:1x1:0:x',
  ])('%j is no client', (row) => {
    expect(parseClients(`${SESSIONS}\n${row}`, 1)).toEqual([]);
  });
});
