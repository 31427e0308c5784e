/*
 * SSH servers that answer like many VMs, in one process and without running anything: real sshds and tmux servers in such numbers would need the machine for
 * themselves. Usage: many-vms.ts HOST_KEY PUBLIC_KEY COUNT; prints its port.
 */
import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';

const [hostKey = '', publicKey = '', count = '1'] = process.argv.slice(2);
const accepted = ssh2.utils.parseKey(readFileSync(publicKey)) as ssh2.ParsedKey;
const key = readFileSync(hostKey);
let port = 0;
for (let index = 0; index < Number(count); index++) port = await listen(index);
process.stdout.write(`${port}\n`);

function listen(index: number): Promise<number> {
  const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
    client.on('authentication', (context) => {
      const isKnown = context.method === 'publickey' && context.key.data.equals(accepted.getPublicSSH());
      if (isKnown) context.accept();
      else context.reject(['publickey']);
    });
    client.on('session', (accept) => {
      const session = accept();
      session.on('env', (yes) => yes?.());
      session.on('exec', (yes) => answer(yes(), index));
    });
    client.on('error', () => {});
  });
  return new Promise((resolve) => {
    server.listen(port, addressOf(index), () => resolve((server.address() as { port: number }).port));
  });
}

function addressOf(index: number): string {
  return `127.22.${index >> 7}.${(index & 127) + 1}`;
}

/** Answers a script of azlin: the watching one, the list, or a command that has nothing to say. */
function answer(channel: ssh2.ServerChannel, index: number): void {
  let script = '';
  channel.on('data', (chunk: Buffer) => {
    script += chunk.toString('latin1');
    const [, length = ''] = /^azlin:\w+ (\d+)\n/m.exec(script) ?? [];
    if (length === '' || script.length < Number(length)) return;
    const whole = script;
    const [, frame] = /azlin_frame=(\w+)/.exec(script) ?? [];
    const [, errors] = /azlin_errors_frame=(\w+)/.exec(script) ?? [];
    const now = Math.floor(Date.now() / 1_000);
    const rows = `row:$0:1:0:${now - 100}:${now - 50}:3.3a:main\nrow:$1:1:0:${now - 100}:${now - 50}:3.3a:only-${index}\nnow:${now}\n`;
    script = '';
    if (frame === undefined) return;
    if (/list-panes/.test(whole)) {
      channel.write(`\n${frame}\nok watching\n${now}\n${rows}\0`);
      return;
    }
    const isList = /list-clients/.test(whole);
    channel.stderr.write(`\n${errors}\n`);
    channel.write(isList ? `\n${frame}\nok ${now}\n${rows}` : `\n${frame}\nok 0 cwd 1\n`);
    channel.exit(0);
    channel.end();
  });
}
