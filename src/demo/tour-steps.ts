/** A line that the tour runs, and its expected result. */
export interface TourStep {
  readonly says: string;
  /** A line for a POSIX shell. */
  readonly line: string;
  /** The line instead, where a program is installed that azlin does not bring. */
  readonly better?: { readonly program: string; readonly line: string };
  readonly exitCode?: number;
  /** What the output, stdout and stderr together, must match. */
  readonly expects: RegExp;
}

/** The order matters: later steps use what earlier ones made. */
export const STEPS: readonly TourStep[] = [
  {
    says: 'The sessions of every running VM, found through the Azure SDK and asked over SSH',
    line: 'azlin list',
    expects:
      /HOSTNAME +SESSION +STATUS +IP\nentra-vm +- .*myvm +dev +Running.*prodvm +api.*shared-vm +- .*1 stopped VM hidden/s,
  },
  { says: 'Stopped VMs too, and more columns', line: 'azlin list --all --wide', expects: /oldvm +- +Deallocated/ },
  {
    says: 'A session of your own on a shared VM',
    line: 'azlin ssh shared-vm --tmux-session alice',
    expects: /Created session "alice" on shared-vm/,
  },
  {
    says: 'A command in the context of a session',
    line: 'azlin exec myvm:dev \'tmux display-message -p "#{session_name}"; pwd\'',
    expects: /^dev\n\/.*home\n$/,
  },
  {
    says: 'The only session of that name in the fleet needs no VM name',
    line: 'azlin exec api echo hello from api',
    expects: /^hello from api\n$/,
  },
  {
    says: 'A name on several VMs is an error, never a guess',
    line: 'azlin connect main',
    exitCode: 4,
    expects: /Ambiguous session name "main"\nFound on 2 VMs:\n {2}myvm:main \([\d.]+\)\n {2}prodvm:main/,
  },
  {
    says: 'Sessions can be renamed, and kept for a time',
    line: 'azlin rename shared-vm:alice alice-work\nazlin session shared-vm:alice-work --ttl 8h',
    expects: /^shared-vm:alice is now shared-vm:alice-work\nshared-vm:alice-work is needed until \d{4}-\S+Z/,
  },
  {
    says: 'Sessions that nobody needs any more, and what is kept',
    line: 'azlin prune --idle 1s --dry-run',
    expects: /^HOSTNAME +SESSION +IDLE +WHY +OUTCOME\n.*would be closed/s,
  },
  { says: 'Exit codes are passed on', line: "azlin exec prodvm:main 'exit 42'", exitCode: 42, expects: /^$/ },
  {
    says: 'A heredoc is the script',
    line: 'azlin exec prodvm:main <<\'END\'\ncd /tmp\necho "deployed in $PWD"\nEND',
    expects: /^deployed in \/tmp\n$/,
  },
  {
    says: 'A job survives its connection, and the same id never runs twice',
    line: "for i in 1 2; do azlin exec -q --job deploy-42 prodvm:main 'echo ran >>~/deploys; wc -l <~/deploys'; done",
    expects: /^1\n1\n$/,
  },
  {
    says: 'Start one and leave; follow it and get its exit code from anywhere',
    line: "id=$(azlin exec --detach myvm:dev 'echo begun; sleep 1; echo done; exit 3')\nazlin logs --follow $id\nazlin wait $id",
    exitCode: 3,
    expects: /^begun\ndone\n$/,
  },
  {
    says: 'Jobs that run, and jobs that ran',
    line: 'azlin jobs',
    expects: /^JOB +STATE [\s\S]*^\w{10} +exit 3 .* myvm:dev [\s\S]*^deploy-42 +exit 0 .* prodvm:main /m,
  },
  {
    says: "In the session's own shell, what a command changes stays for the next one",
    line: 'azlin run prodvm:main cd /usr/lib; azlin run prodvm:main pwd',
    expects: /^\/usr\/lib\n$/,
  },
  {
    says: 'One command on many sessions, identical output shown once',
    line: "azlin exec --group 'myvm:main,prod*:*' 'tmux display-message -p \"#S\"'",
    expects:
      /^"myvm:main,prod\*:\*" means 3 sessions: [\s\S]*^myvm:main,prodvm:main \(2\)\nmain\nprodvm:api \(1\)\napi\n3 of 3 done/m,
  },
  {
    says: 'On one first; if it fails, the others do not start',
    line: "azlin exec --canary 1 '*:main' 'echo trying; exit 3'",
    exitCode: 3,
    expects: /trying[\s\S]*^failed: .* \(4\): skipped: the canary myvm:main failed$/m,
  },
  {
    says: 'Aliases in the settings name groups',
    line: 'printf "\\n[aliases]\\nprod = [\\"prodvm:main\\", \\"prodvm:api\\"]\\n" >>"$AZLIN_HOME/config.toml"\nazlin aliases\nazlin exec prod true',
    expects: /^ALIAS +MEANS\nprod +prodvm:main, prodvm:api\n[\s\S]*2 of 2 done/,
  },
  {
    says: 'A friendly name that the whole team sees',
    line: 'azlin session myvm:dev production-deployment',
    expects: /^production-deployment\n$/,
  },
  {
    says: 'It works like a session name',
    line: 'azlin exec production-deployment hostname >/dev/null && azlin list --host myvm',
    expects: /myvm +dev .* production-deployment/,
  },
  {
    says: 'Detach everybody; the session stays',
    line: 'azlin disconnect myvm:dev',
    expects: /^myvm:dev: nobody was attached\n$/,
  },
  {
    says: 'A stopped VM is reported as stopped, not as unreachable',
    line: 'azlin connect oldvm',
    exitCode: 7,
    expects: /Cannot connect to "oldvm": the VM is deallocated/,
  },
  {
    says: 'Start it, wait for it and use it in one go',
    line: 'azlin exec --start oldvm echo up again',
    expects: /^up again\n$/,
  },
  {
    says: 'A VM, its sessions and who is attached',
    line: 'azlin status oldvm',
    expects: /status +Running\n[\s\S]*sessions +1\n/,
  },
  {
    says: 'Stop and deallocate it: Azure no longer bills for its compute',
    line: 'azlin stop oldvm --yes',
    expects: /^oldvm: Deallocated/,
  },
  {
    says: 'Through another VM, whose host key is checked too',
    line: "azlin exec --verbose --jump prodvm myvm:dev true 2>&1 | grep -E 'connected|signed in'",
    expects: /prodvm: signed in with [\s\S]*myvm: connected to \S+ port \d+ through prodvm\nmyvm: signed in with /,
  },
  {
    says: 'A VM without a public address, through the Azure Bastion in its network',
    line: "azlin exec --no-daemon --no-session --verbose private-vm true 2>&1 | grep -E 'connected|signed in'",
    expects: /private-vm: connected to \S+ port \d+ through Bastion demo-bastion\nprivate-vm: signed in with /,
  },
  {
    says: 'A VM that takes no key, with a certificate of whoever is signed in to Azure',
    line: "azlin exec --no-daemon --no-session --verbose entra-vm true 2>&1 | grep 'signed in with'",
    expects: /^entra-vm: signed in with the Entra ID certificate \("demo" for \S+, good for \d+ min\)\n$/,
  },
  {
    says: 'An agent runs a command: azlin mcp has tools for it, and everything that it does is written down',
    line: `printf '%s\\n' '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ssh_execute","arguments":{"server":"myvm","command":"hostname; exit 3"}}}' | azlin mcp\nazlin audit verify`,
    better: {
      program: 'mcp-inspector',
      line: `mcp-inspector --cli $(env | sed -n 's/^\\(AZ\\|NO_PROXY\\)/-e &/p') azlin mcp --method tools/call --tool-name ssh_execute --tool-arg server=myvm 'command=hostname; exit 3'\nazlin audit verify`,
    },
    expects: /"structuredContent": ?\{.*"exitCode": ?3.*mcp-audit\.jsonl: 2 lines, all as written/s,
  },
  {
    says: 'Who did what in the sessions of this VM, agents included',
    line: 'azlin history myvm',
    expects: /myvm +ran +\S+ +hostname, job \w+, exit 3/,
  },
  {
    says: 'The host keys that are known for a VM',
    line: 'azlin host-key show myvm',
    expects: /^myvm +ssh-ed25519 +SHA256:\S+ +\S+known_hosts:\d+$/m,
  },
  {
    says: 'Check everything on the way to a VM',
    line: 'azlin doctor myvm',
    expects: /^ok +inventory [\s\S]*^ok +host key +SHA256:[\s\S]*^ok +tmux +tmux \d/m,
  },
  {
    says: 'All subscriptions; what cannot be read is reported',
    line: 'azlin list --all-subscriptions --no-sessions',
    expects: /warning: Cannot list .*AuthorizationFailed[\s\S]*myvm +- +Running/,
  },
  {
    says: 'The same from Azure Resource Graph, in one query',
    line: 'azlin list --inventory resource-graph --all --no-sessions',
    expects: /myvm +- +Running[\s\S]*oldvm +- +Deallocated/,
  },
];
