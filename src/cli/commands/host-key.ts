import { count } from '../../domain/text.ts';
import { forgetHostKeys, knownHostKeys, verifyHostKeys } from '../../operations/vms/host-key.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { hostKeysView } from '../views/host-keys.ts';

const { port, 'ssh-config': sshConfig } = SSH_OPTIONS;

export const hostKey = defineCommand({
  usage: '<action> <host>',
  positionals: {
    action: { describe: 'What to do', choices: ['show', 'forget', 'verify'] },
    host: 'A VM, an address, or a host name',
  },
  examples: [
    {
      line: 'azlin host-key show myvm',
      does: 'its keys: those pinned to the VM, and those in the known_hosts files of ssh',
    },
    { line: 'azlin host-key forget myvm', does: 'after it was rebuilt: the next connection pins the new key' },
    { line: 'azlin host-key forget bastion.example.com', does: 'a host that is not a VM' },
    { line: 'azlin host-key verify myvm', does: 'ask Azure for its keys, compare, and pin them; takes up to a minute' },
  ],
  seeAlso: ['doctor', 'connect'],
  options: { port, 'ssh-config': sshConfig, ...SCOPE_OPTIONS },
  async run({ positionals, access, caller }) {
    const { action, host = '' } = positionals;
    if (action === 'show') {
      const keys = await knownHostKeys(await access(), host, caller);
      return { data: keys, notes: keys.length === 0 ? [`no host key is known for "${host}"`] : [] };
    }
    if (action === 'verify') {
      const { keys, added } = await verifyHostKeys(await access(), host, caller);
      const pinned = added === 0 ? '' : `; ${count(added, 'key')} pinned now`;
      return { data: keys, notes: [`the known host keys of "${host}" are its own, as Azure reports${pinned}`] };
    }
    const { removed, failure } = await forgetHostKeys(await access(), host, caller);
    const done =
      removed.length === 0
        ? `no host key was known for "${host}"`
        : `forgot ${count(removed.length, 'host key')} of "${host}"; the next connection treats it as a new host`;
    return { data: removed, notes: [done], failure };
  },
  view: hostKeysView,
});
