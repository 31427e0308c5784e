import { describe, expect, test } from '@jest/globals';
import { parseClients, parseClientsHere, parseList } from '../../../src/tmux/rows.ts';

const SESSIONS =
  'row:$0:1:1:1700000000:1700000000:3.3a:main\nrow:$12:2:2:1700000000:1700000000:3.3a:dev\nfriendly:$0:\nfriendly:$12:team a';
const NOW = 1_700_000_100;

describe('parseList', () => {
  test('each client with its session, idle by the clock of the VM, and what its process says of itself', () => {
    const rows = `${SESSIONS}
group:$0:main
group:$12:dev
client:71:$12:1700000000:1700000090:80x24:0:/dev/pts/3
client:72:$0:1700000201:1700000201:9x9:1:a: b
pid:71
who:a1b2 Ann (laptop)
pid:72`;
    const { sessions, clients } = parseList(rows, NOW);
    expect(clients).toEqual([
      {
        name: '/dev/pts/3',
        label: 'Ann (laptop)',
        token: 'a1b2',
        session: 'dev',
        group: 'dev',
        attachedAt: 1_700_000_000,
        idle: 10,
        hasTyped: true,
        columns: 80,
        rows: 24,
        readOnly: false,
      },
      {
        name: 'a: b',
        label: null,
        token: null,
        session: 'main',
        group: 'main',
        attachedAt: 1_700_000_201,
        idle: 0,
        hasTyped: false,
        columns: 9,
        rows: 9,
        readOnly: true,
      },
    ]);
    expect(sessions).toMatchObject([
      { id: '$0', name: 'main', friendlyName: null, clients: ['a: b'], expiresAt: null },
      { id: '$12', name: 'dev', friendlyName: 'team a', clients: ['Ann (laptop)'], expiresAt: null },
    ]);
  });

  test('when a session is no longer needed; nonsense is nothing', () => {
    const { sessions } = parseList(
      `${SESSIONS}\ngroup:$0:main\ngroup:$12:main\nexpires:$0:1700000500\nexpires:$12:soon\nexpires:$9:1`,
      NOW,
    );
    expect(sessions).toMatchObject([
      { expiresAt: 1_700_000_500, group: 'main' },
      { expiresAt: null, group: 'main' },
    ]);
  });

  test.each([
    ['expires:$0:idle60:1700000300', { expiresAt: 1_700_000_360, idleTtl: 60 }],
    // Somebody has typed there since something was printed.
    ['expires:$0:idle60:1700000050', { expiresAt: 1_700_000_160, idleTtl: 60 }],
    ['expires:$0:idle60:', { expiresAt: null, idleTtl: null }],
    ['expires:$0:idle:1700000050', { expiresAt: null, idleTtl: null }],
    ['expires:$0:1700000500', { expiresAt: 1_700_000_500, idleTtl: null }],
  ])('%s: a limit that counts from the last activity', (row, needed) => {
    expect(parseList(`row:$0:1:0:1:1700000100:3.3a:main\n${row}`, NOW).sessions).toMatchObject([needed]);
  });

  test('names and friendly names with colons, as tmux 3.7 has them', () => {
    const { sessions } = parseList('row:$3:1:0:1:1:3.7:host:1.x\nfriendly:$3:a:b', 1);
    expect(sessions).toMatchObject([{ id: '$3', name: 'host:1.x', friendlyName: 'a:b', group: 'host:1.x' }]);
  });

  test.each([
    '',
    'client:',
    'client:1:$9:1:1:1x1:0:x',
    'client:1:$0:x:1:1x1:0:x',
    'client:1:$0:1:1:1x1:0:',
    'row:$0:1:1:1:1:3.7:client:1:$0:1:1:1x1:0:x',
  ])('%j is no client', (row) => {
    expect(parseList(`${SESSIONS}\n${row}`, 1).clients).toEqual([]);
  });
});

describe('labels', () => {
  const client = (who: string) => parseClients(`client:71:$0:1:1:1x1:0:x\npid:71\n${who}`, 1)[0];

  test('one line, printable, not endless', () => {
    expect(client('who:t \u001b[31mred\u0007\u202e ')).toMatchObject({ label: 'red' });
    expect(client(`who:t ${'x'.repeat(500)}`)?.label).toHaveLength(64);
    expect(client('who:t \u0007')).toMatchObject({ label: null, token: null });
  });

  test('what a process says first counts, and only below its own row', () => {
    expect(client('who:t first\nwho:u second')).toMatchObject({ label: 'first', token: 't' });
    expect(client('pid:72\nwho:t other')).toMatchObject({ label: null });
  });
});

describe('parseClientsHere', () => {
  const rows =
    'client:1:$0:1:1:1x1:0:a\r\nclient:2:$1:1:1:1x1:0:b\r\nclient:3:$2:1:1:1x1:0:c\r\ngroup:$0:dev\r\ngroup:$1:dev\r\ngroup:$2:other\r';

  test('those who look at the same windows, through whichever session', () => {
    expect(parseClientsHere(rows, '$0', 5).map(({ name, age }) => [name, age])).toEqual([
      ['a', 4],
      ['b', 4],
    ]);
  });

  test('nobody where nothing is said of the session', () => {
    expect(parseClientsHere(rows, '$7', 5)).toEqual([]);
  });
});
