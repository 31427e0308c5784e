import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { shellTexts } from '../../scripts/shell-texts.ts';
import { ensureTools } from '../../src/demo/tools.ts';
import { WARM_SERVER } from './warm-azlin.ts';

/** Tests of behaviour run real sshd and real tmux, so a machine without them gets them first. Runs once, before any test. */
async function globalSetup(): Promise<void> {
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  await ensureTools(process.env, report);
  installOthers(report);
  await buildWarmServer();
}

/** Builds the server that `warm-azlin.ts` starts, bundled in the same way as azlin. */
async function buildWarmServer(): Promise<void> {
  const build = await rolldown({
    input: fileURLToPath(new URL('./warm-server.ts', import.meta.url)),
    platform: 'node',
    external: ['cpu-features', /sshcrypto\.node$/],
    plugins: [shellTexts],
  });
  await build.write({ file: WARM_SERVER, format: 'cjs', codeSplitting: false });
}

const INSTALL = `
PATH=$PATH:/usr/sbin:/sbin
missing=
command -v dropbear >/dev/null || missing=dropbear-bin
command -v zsh >/dev/null || missing="$missing zsh"
command -v busybox >/dev/null || missing="$missing busybox"
command -v fish >/dev/null || missing="$missing fish"
command -v man >/dev/null || missing="$missing man-db"
command -v tcsh >/dev/null || missing="$missing tcsh"
command -v elvish >/dev/null || missing="$missing elvish"
command -v shellcheck >/dev/null || missing="$missing shellcheck"
command -v curl >/dev/null || missing="$missing curl"
command -v tinyproxy >/dev/null || missing="$missing tinyproxy-bin"
command -v jq >/dev/null || missing="$missing jq"
if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
  missing="$missing postgresql"
  # Its service must not start: tests have servers of their own.
  [ "$(id -u)" != 0 ] || { mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; }
fi
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || exit 1
echo $missing
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1
`;

/** Installs a server other than OpenSSH, shells other than bash, and tools other than GNU's. What cannot be installed is not tested. */
function installOthers(report: (line: string) => void): void {
  try {
    const said = execFileSync('sh', ['-c', INSTALL], { encoding: 'utf8', timeout: 240_000 }).trim();
    if (said !== '') report(`Installed ${said}, once`);
  } catch {
    report(
      'Tests with dropbear, busybox, other shells, shellcheck, man and jq are skipped where they are missing: only root can install them here',
    );
  }
}

// jest wants a default export here.
// biome-ignore lint/style/noDefaultExport: see above
export default globalSetup;
