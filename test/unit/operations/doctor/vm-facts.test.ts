import { describe, expect, test } from '@jest/globals';
import { judgeVmFacts, type VmFacts, vmFactsIn } from '../../../../src/operations/doctor/vm-facts.ts';

const FACTS: VmFacts = {
  shell: '/bin/bash',
  tmux: 'tmux 3.3a',
  tmuxPath: '',
  locale: 'C.UTF-8',
  charmap: 'UTF-8',
  killsProcesses: false,
  lingers: false,
  noise: '',
};
const judge = (fields: Partial<VmFacts> = {}) => judgeVmFacts({ ...FACTS, ...fields }, { label: 'vm', took: '5 ms' });
const bad = (fields: Partial<VmFacts>) => judge(fields).filter(({ status }) => status !== 'ok');

describe('what is said about a VM', () => {
  test('nothing is wrong', () => {
    expect(judge().map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(bad({ killsProcesses: true, lingers: true })).toEqual([]);
    expect(bad({ killsProcesses: undefined })).toEqual([]);
    for (const tmux of ['tmux 2.6', 'tmux next-3.8', 'tmux openbsd-7.6']) expect(bad({ tmux })).toEqual([]);
  });

  test.each<[string, Partial<VmFacts>, string, string, RegExp]>([
    ['no tmux', { tmux: '' }, 'tmux', 'failed', /install tmux/],
    ['an old tmux', { tmux: 'tmux 2.5' }, 'tmux', 'failed', /install tmux/],
    ['a tmux of login shells only', { tmuxPath: '/opt/bin/tmux' }, 'tmux', 'warning', /set PATH/],
    ['no UTF-8', { locale: 'POSIX', charmap: 'ANSI_X3.4-1968' }, 'locale', 'warning', /LANG=C.UTF-8/],
    ['no locale at all', { locale: '', charmap: '' }, 'locale', 'warning', /LANG=C.UTF-8/],
    ['systemd that ends sessions', { killsProcesses: true }, 'lingering', 'warning', /enable-linger/],
    ['a shell that talks', { noise: 'Welcome\u001b[2J!' }, 'shell', 'warning', /\[ -t 1 \]/],
  ])('%s', (_name, fields, check, status, advice) => {
    expect(bad(fields)).toEqual([expect.objectContaining({ check, status, advice: expect.stringMatching(advice) })]);
    expect(JSON.stringify(bad(fields))).not.toContain('\\u001b');
  });

  test.each<[string, Partial<VmFacts>]>([
    ['', { killsProcesses: undefined, lingers: false }],
    ['linger Linger=yes\nkill b true', { killsProcesses: true, lingers: true }],
    ['linger Linger=no\nkill b false', { killsProcesses: false, lingers: false }],
    ['linger \nkill KillUserProcesses=yes', { killsProcesses: true, lingers: false }],
    ['linger \nkill unset', { killsProcesses: false, lingers: false }],
    [
      'shell /bin/zsh\ntmux tmux next-3.5\nlocale de_DE.UTF-8',
      { shell: '/bin/zsh', tmux: 'tmux next-3.5', locale: 'de_DE.UTF-8' },
    ],
  ])('read from "%s"', (text, facts) => {
    expect(vmFactsIn(text)).toMatchObject(facts);
  });
});
