import { ENTRIES } from '../../settings/settings.ts';
import { EXPLAINED } from './settings.ts';
import type { TopicPart } from './topic.ts';

export const ENVIRONMENT: readonly TopicPart[] = [
  'A variable takes precedence over the settings file, and a flag over the variable; so does a context that the flag --context names. An empty variable counts as unset.',
  {
    title: 'Settings',
    rows: ENTRIES.flatMap(([name, { key, variable }]) =>
      variable ? [{ left: variable, right: `${EXPLAINED[name].meaning} (${key})` }] : [],
    ),
  },
  {
    title: 'Places',
    rows: [
      { left: 'AZLIN_HOME', right: 'directory of config.toml, known_hosts and cache; ~/.azlin' },
      { left: 'AZLIN_CONFIG', right: 'the settings file; config.toml in AZLIN_HOME' },
      { left: 'AZLIN_KNOWN_HOSTS', right: 'where host keys are pinned; known_hosts in AZLIN_HOME' },
      { left: 'AZURE_CONFIG_DIR', right: 'where az keeps its subscriptions; ~/.azure' },
      { left: 'HOME', right: 'your home directory' },
    ],
  },
  {
    title: 'Signing in',
    rows: [
      { left: 'AZURE_TENANT_ID', right: 'of a service principal or workload identity, with AZURE_CLIENT_ID' },
      { left: 'AZURE_CLIENT_ID', right: 'of a service principal or workload identity; or which managed identity' },
      { left: 'AZURE_CLIENT_SECRET', right: 'of a service principal; or AZURE_CLIENT_CERTIFICATE_PATH' },
      { left: 'AZURE_FEDERATED_TOKEN_FILE', right: 'of a workload identity' },
      { left: 'SSH_AUTH_SOCK', right: 'the SSH agent' },
      { left: 'HTTPS_PROXY, ALL_PROXY, NO_PROXY', right: 'the proxy to Azure, and what needs none, as for curl' },
      {
        left: 'NODE_EXTRA_CA_CERTS, SSL_CERT_FILE',
        right: 'more certificates to trust, as for a proxy that inspects TLS',
      },
    ],
  },
  {
    title: 'Screen and surroundings',
    rows: [
      { left: 'NO_COLOR', right: 'no colours, unless --color always' },
      { left: 'TERM', right: 'the kind of the terminal; dumb for no colours and no progress' },
      { left: 'CI', right: 'commands become jobs (exec.durable = "auto")' },
      { left: 'EDITOR', right: 'the editor of azlin config edit; VISUAL takes precedence' },
      { left: 'SHELL', right: 'what azlin completion --install is for, and what runs a ProxyCommand' },
    ],
  },
  'On the VM a command of exec finds TMUX and TMUX_PANE of its session. In the shell of azlin demo AZLIN_HOME, AZLIN_CONFIG and the others point to the demo fleet.',
];
