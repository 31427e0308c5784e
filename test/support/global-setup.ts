import { execFileSync } from 'node:child_process';
import { ensureTools } from '../../src/demo/tools.ts';

/** Tests of behaviour run real sshd and real tmux: a bare machine gets them first. Runs once, before any test. */
async function globalSetup(): Promise<void> {
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  await ensureTools(process.env, report);
  installDropbear(report);
}

const DROPBEAR = `
command -v dropbear >/dev/null || [ -x /usr/sbin/dropbear ] && exit 0
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || exit 1
echo installing
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends dropbear-bin >/dev/null 2>&1 ||
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends dropbear-bin; } >/dev/null 2>&1
`;

/** The one server that is not OpenSSH. Its tests are skipped where it cannot be had. */
function installDropbear(report: (line: string) => void): void {
  try {
    const said = execFileSync('sh', ['-c', DROPBEAR], { encoding: 'utf8', timeout: 120_000 });
    if (said.includes('installing')) report('Installed dropbear-bin, once');
  } catch {
    report('Without dropbear, which only root can install and run here, its tests are skipped');
  }
}

// jest wants a default export here.
// biome-ignore lint/style/noDefaultExport: see above
export default globalSetup;
