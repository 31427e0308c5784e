import type ssh2 from 'ssh2';

/** Calls `use` with the words of the frames, which are part of the script. */
export function onScript(channel: ssh2.ServerChannel, use: (output: string, errors: string) => void): void {
  let text = '';
  const read = (chunk: Buffer) => {
    text += chunk.toString('latin1');
    const [, output, errors] = /^azlin_frame=(\w+) azlin_errors_frame=(\w+)/m.exec(text) ?? [];
    if (output === undefined || errors === undefined) return;
    channel.off('data', read);
    channel.resume();
    use(output, errors);
  };
  channel.on('data', read);
}
