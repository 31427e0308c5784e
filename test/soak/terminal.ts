import { type Break, throughBreaks } from '../support/broken-terminal.ts';

/** `npm run soak:terminal [-- BREAKS STALL_SECONDS SEED]`: runs a real terminal while its link breaks that many times. */
const [breaks = 100, stall = 60, seed = 1] = process.argv.slice(2).map(Number);
const KINDS: readonly Break[] = ['cut', 'sshd', 'move', 'stall'];
const result = await throughBreaks({
  breaks: Array.from({ length: breaks }, (_, index) => KINDS[index % KINDS.length] ?? 'cut'),
  seed,
  stall: stall * 1_000,
  keepalive: '15s',
  onBreak: (done, kind, ms) => process.stdout.write(`${done}/${breaks} ${kind}: back after ${ms} ms\n`),
});
for (const kind of KINDS) {
  const times = result.back
    .filter((one) => one.kind === kind)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  console.log(
    `${kind.padEnd(6)} ${times.length} times; median ${times[times.length >> 1]} ms, worst ${times.at(-1)} ms`,
  );
}
console.log(
  result.farewell,
  '\nleft on:',
  result.leftOn,
  '\nleft behind:',
  result.left.length === 0 ? 'nothing' : result.left,
);
const isRight = result.left.length === 0 && result.leftOn === '0 1 0 0' && result.back.every(({ ms }) => ms <= 1_000);
process.exit(isRight ? 0 : 1);
