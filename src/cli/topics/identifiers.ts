import type { TopicPart } from './topic.ts';

export const IDENTIFIERS: readonly TopicPart[] = [
  'An identifier names a VM and a session on it. azlin never guesses: an ambiguous identifier is an error that lists the candidates.',
  {
    title: 'Forms',
    rows: [
      { left: 'myvm:dev', right: 'the session dev on the VM myvm; no other VM is asked' },
      {
        left: 'dev',
        right: 'the session dev (or with the friendly name dev), if exactly one running VM has it',
      },
      {
        left: 'myvm',
        right: 'the default session on myvm: azlin, or what session.default says; it is created if it is missing',
      },
      { left: 'rg-web/myvm:dev', right: 'when several resource groups have a VM myvm' },
      { left: '10.0.0.4:dev', right: 'an address; Azure is not asked' },
      { left: '[2001:db8::4]:dev', right: 'the same with IPv6' },
      { left: 'alice@myvm:dev', right: 'as another user' },
      { left: 'prod', right: 'an alias from the settings; azlin aliases lists them' },
    ],
  },
  'A word without a colon is looked up in this order: an alias, a session that exactly one running VM has, a VM. Session names are case-sensitive; names of VMs and resource groups are not. A session name has 1 to 64 characters, no colon and no dot.',
  {
    title: 'Many, for exec, run, send, disconnect, session, start and stop',
    rows: [
      { left: "'web-*:main'", right: 'the session main on every VM that matches; * ? [abc] {a,b} are patterns' },
      { left: "'web-[1-12]:main'", right: 'a range of numbers' },
      { left: 'web-1:main,db:main', right: 'a list' },
      { left: "'*:ci-*'", right: 'the sessions of every VM that match' },
      {
        left: '--tag env=prod',
        right: 'VMs by tag; --host PATTERN by name, --all for all; --session names the session',
      },
    ],
  },
  'Quote patterns, or the shell expands them. A backslash makes the next character literal.',
];
