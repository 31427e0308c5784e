import { exitCodeOf } from '../../domain/error-traits.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { TopicPart } from './topic.ts';

export interface ExplainedCode {
  readonly cause: string;
  readonly cure: string;
}

const one = (cause: string, cure: string): ExplainedCode => ({ cause, cure });

/** Every way in which azlin fails: what help prints, and the table of docs/exit-codes.md (npm run exit-codes). */
export const EXPLAINED_CODES: Readonly<Record<ErrorCode, ExplainedCode>> = {
  bug: one('a bug of azlin', 'run it again with `--verbose` and report what it prints'),
  usage: one('the command line is wrong', '`azlin COMMAND --help`'),
  'invalid-identifier': one('the identifier cannot be read', '`vm:session`, a session, or a VM'),
  config: one("a setting, an inventory file or a VM's tag is wrong", 'the message names file and line'),
  'vm-not-found': one('no VM of that name is in scope', '`azlin list --all`; check subscription and resource group'),
  'job-not-found': one('no job of that id', '`azlin jobs`; they are kept for 7 days'),
  'session-not-found': one(
    'no session of that name, or it ended while the connection was lost',
    'the message lists the sessions there; `--create` makes one',
  ),
  'client-not-found': one('nobody of that label is attached', 'the hint names who is'),
  ambiguous: one('the name fits several times', 'use one of the candidates'),
  'not-signed-in': one('no Azure sign-in worked, or no subscription is set', '`az login`, `az account set`'),
  'azure-denied': one(
    'Azure does not let you list, start or stop VMs',
    'role Reader, for starting and stopping Virtual Machine Contributor',
  ),
  'ssh-denied': one(
    'the VM accepted no key, or its login shell ended at once',
    '`azlin doctor VM`; `--identity`, `--user`, `ssh-add`',
  ),
  'host-key-changed': one('the VM shows another host key than before', 'find out why; then `azlin host-key forget VM`'),
  'host-key-unknown': one(
    'the key is not known, and `ssh.host_keys` is `strict`, or `ask` and nobody said yes; or it is too short',
    'compare fingerprints, connect once with `accept-new`',
  ),
  'host-key-revoked': one('the key is marked `@revoked` in a known_hosts file', 'give the VM a new host key'),
  'vm-not-running': one('Azure says that the VM is not running', '`azlin start VM`, or `--start`'),
  unreachable: one("nothing answers at the VM's address, or no SSH server does", 'network, firewall, sshd on the VM'),
  'timed-out': one('a step took longer than its deadline; the message says which', 'try again; deadlines are settings'),
  'connection-lost': one('the connection broke while something ran', 'what ran there may still be running'),
  detached: one('somebody detached you while the connection was lost', 'the message says who; connect again'),
  'tmux-missing': one('the VM has no tmux', 'install tmux there'),
  'tmux-failed': one('tmux on the VM refused', 'the message says why'),
  'vm-failed': one(
    'the VM cannot run the job or cannot say how it ended: no room, a home that cannot be written, a tool that is missing, a restart',
    'the message says which',
  ),
  'pane-busy': one(
    '`azlin run`: the pane is not at the prompt of bash or zsh',
    'wait, `azlin send --keys C-c`, or `azlin exec`, which runs beside it',
  ),
  'azure-failed': one(
    'Azure throttled, failed, has no room for the VM, or could not be reached',
    'try again; check the network',
  ),
  interrupted: one('Ctrl-C, `~.`, or a question that was answered with no', ''),
};

/** Without the marks of the documents. */
const plain = (text: string) => text.replaceAll('`', '');

export const EXIT_CODES_TOPIC: readonly TopicPart[] = [
  'azlin exec, run and wait give the exit status of the command: its own, 128 + n for signal n, 124 when --timeout ended it, 255 when azlin itself failed. Everything else gives one of these. With --format json an error is one JSON object on stderr, whose code is the word below.',
  {
    title: 'Codes',
    rows: [
      { left: '0', right: 'done' },
      ...Object.entries(EXPLAINED_CODES).map(([code, { cause, cure }]) => ({
        left: `${exitCodeOf(code as ErrorCode)}  ${code}`,
        right: plain(cure === '' ? cause : `${cause}: ${cure}`),
      })),
      { left: '129, 131, 143', right: 'SIGHUP, SIGQUIT, SIGTERM' },
    ],
  },
  'On many targets --exit worst (the default) gives the highest exit status of all, any gives 0 if any succeeded, all gives 0 if all did and else 1.',
];
