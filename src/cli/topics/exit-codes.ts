import { exitCodeOf } from '../../domain/error-traits.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { TopicPart } from './topic.ts';

export interface ExplainedCode {
  readonly cause: string;
  readonly cure: string;
}

const one = (cause: string, cure: string): ExplainedCode => ({ cause, cure });

/** Every way in which azlin fails: what help prints, and the table of docs/exit-codes.md (npm run tables). */
export const EXPLAINED_CODES: Readonly<Record<ErrorCode, ExplainedCode>> = {
  bug: one('a bug in azlin', 'run it again with `--verbose` and report the output'),
  usage: one('the command line is wrong', '`azlin COMMAND --help`'),
  'invalid-identifier': one('the identifier is not valid', '`vm:session`, a session, or a VM'),
  config: one("a setting, an inventory file or a VM's tag is wrong", 'the message names the file and line'),
  'vm-not-found': one('no VM with that name is in scope', '`azlin list --all`; check subscription and resource group'),
  'job-not-found': one('no job with that id', '`azlin jobs`; jobs are kept for 7 days'),
  'session-not-found': one(
    'no session with that name, or it ended while the connection was lost',
    'the message lists the sessions there; `--create` creates it',
  ),
  'client-not-found': one('nobody with that label is attached', 'the hint names who is'),
  ambiguous: one('the name fits more than one', 'use one of the candidates'),
  'not-signed-in': one('not signed in to Azure, or no subscription is set', '`az login`, `az account set`'),
  'azure-denied': one(
    'Azure does not let you list, start or stop VMs',
    'ask for the role Reader, or Virtual Machine Contributor to start and stop VMs',
  ),
  'ssh-denied': one(
    'the VM accepted no key, or its login shell ended at once',
    '`azlin doctor VM`; `--identity`, `--user`, `ssh-add`',
  ),
  'host-key-changed': one(
    'the VM presents a different host key than before',
    'find out why; then `azlin host-key forget VM`',
  ),
  'host-key-unknown': one(
    'the host key is not known, and `ssh.host_keys` is `strict`, or `ask` without a yes; or the key is too short',
    'compare fingerprints, connect once with `accept-new`',
  ),
  'host-key-revoked': one('the key is marked `@revoked` in a known_hosts file', 'give the VM a new host key'),
  'vm-not-running': one('Azure says that the VM is not running', '`azlin start VM`, or `--start`'),
  unreachable: one(
    "nothing answers at the VM's address, or what answers is not an SSH server",
    'network, firewall, sshd on the VM',
  ),
  'timed-out': one('a step took longer than its deadline; the message says which', 'try again; deadlines are settings'),
  'connection-lost': one('the connection broke while a command ran', 'the command may still be running there'),
  detached: one('somebody detached you while the connection was lost', 'the message says who; connect again'),
  'tmux-missing': one('the VM has no tmux', 'install tmux there'),
  'tmux-failed': one('tmux on the VM reported an error', 'the message says why'),
  'vm-failed': one(
    'the VM cannot run the job, or cannot tell how it ended: disk full, home not writable, a tool missing, a restart',
    'the message says which',
  ),
  'pane-busy': one(
    '`azlin run`: the pane is not at the prompt of bash or zsh',
    'wait, `azlin send --keys C-c`, or `azlin exec`, which runs beside it',
  ),
  'azure-failed': one(
    'Azure throttled the request, failed, has no capacity for the VM, or could not be reached',
    'try again; check the network',
  ),
  'registry-failed': one(
    'the registry of sessions could not be read or written: its disk is full, its database cannot be reached',
    'the message says which',
  ),
  interrupted: one('Ctrl-C, `~.`, or a question answered with no', ''),
};

/** Without the backquotes, which are for the documents. */
const plain = (text: string) => text.replaceAll('`', '');

export const EXIT_CODES_TOPIC: readonly TopicPart[] = [
  'azlin exec, run and wait exit with the exit code of the command, 128 + n for signal n, 124 when --timeout ended it, 255 when azlin itself failed. All other commands exit with one of the codes below. With --format json an error is one JSON object on stderr, whose code is the word below.',
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
  'With many targets, --exit worst (the default) gives the highest exit code, any gives 0 if any command succeeded, and all gives 0 if all did, else 1.',
];
