/** The keywords of the SSH settings that azlin uses. */
const KEYWORDS = [
  'addressfamily',
  'certificatefile',
  'connecttimeout',
  'forwardagent',
  'globalknownhostsfile',
  'hostkeyalias',
  'hostname',
  'identitiesonly',
  'identityagent',
  'identityfile',
  'port',
  'proxycommand',
  'proxyjump',
  'revokedhostkeys',
  'sendenv',
  'serveralivecountmax',
  'serveraliveinterval',
  'setenv',
  'stricthostkeychecking',
  'user',
  'userknownhostsfile',
] as const;
export type Keyword = (typeof KEYWORDS)[number];

/** `keyword` is in lower case. */
export const isKnown = (keyword: string): keyword is Keyword => (KEYWORDS as readonly string[]).includes(keyword);
