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
      { left: 'AZLIN_HOME', right: 'directory of config.toml, known_hosts and cache; default: ~/.azlin' },
      { left: 'AZLIN_CONFIG', right: 'the settings file; default: config.toml in AZLIN_HOME' },
      { left: 'AZLIN_KNOWN_HOSTS', right: 'where host keys are pinned; default: known_hosts in AZLIN_HOME' },
      { left: 'AZURE_CONFIG_DIR', right: 'where az keeps its subscriptions; default: ~/.azure' },
      { left: 'HOME', right: 'your home directory' },
    ],
  },
  {
    title: 'Signing in',
    rows: [
      { left: 'AZURE_TENANT_ID', right: 'tenant of a service principal or workload identity, with AZURE_CLIENT_ID' },
      { left: 'AZURE_CLIENT_ID', right: 'id of a service principal, workload identity or managed identity' },
      { left: 'AZURE_CLIENT_SECRET', right: 'secret of a service principal; or set AZURE_CLIENT_CERTIFICATE_PATH' },
      { left: 'AZURE_FEDERATED_TOKEN_FILE', right: 'token file of a workload identity' },
      { left: 'AZLIN_MCP_TOKEN', right: 'the token of azlin mcp --listen; default: in mcp-token in AZLIN_HOME' },
      { left: 'SSH_AUTH_SOCK', right: 'the socket of the SSH agent' },
      {
        left: 'HTTPS_PROXY, ALL_PROXY, NO_PROXY',
        right: 'the proxy to Azure, and the hosts that bypass it, as for curl',
      },
      {
        left: 'NODE_EXTRA_CA_CERTS, SSL_CERT_FILE',
        right: 'additional certificates to trust, for example of a proxy that inspects TLS',
      },
    ],
  },
  {
    title: 'Terminal and programs',
    rows: [
      { left: 'NO_COLOR', right: 'no colours, unless --color always' },
      { left: 'TERM', right: 'the terminal type; dumb means no colours and no progress' },
      {
        left: 'CI',
        right: 'commands become jobs (exec.durable = "auto"), and only AZLIN_PERSIST turns azlin\'s daemon on',
      },
      { left: 'EDITOR', right: 'the editor for azlin config edit; VISUAL takes precedence' },
      { left: 'SHELL', right: 'the shell that azlin completion --install sets up, and that runs ProxyCommand' },
    ],
  },
  'On the VM, azlin exec sets TMUX and TMUX_PANE to those of the session. In the shell of azlin demo, AZLIN_HOME, AZLIN_CONFIG and the others point to the demo fleet.',
];
