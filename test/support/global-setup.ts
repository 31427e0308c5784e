import { ensureTools } from '../../src/demo/tools.ts';

/** Tests of behaviour run real sshd and real tmux: a bare machine gets them first. Runs once, before any test. */
async function globalSetup(): Promise<void> {
  await ensureTools(process.env, (line) => process.stderr.write(`${line}\n`));
}

// jest wants a default export here.
// biome-ignore lint/style/noDefaultExport: see above
export default globalSetup;
