import { createInterface } from 'node:readline';
import { createRegistry } from '../../src/app/registry/create-registry.ts';

/*
 * A process that writes to a registry on disk until it is killed, and says what was acknowledged: `ID VERSION` for each line.
 * Usage: node --import tsx registry-writer.ts PATH NAME [COUNT]
 */

const [, , path = '', name = '', count = 'Infinity'] = process.argv;
const registry = await createRegistry({
  backend: 'disk',
  path,
  ttl: Number.POSITIVE_INFINITY,
  cleanUpEvery: Number.POSITIVE_INFINITY,
});
createInterface({ input: process.stdin });
for (let number = 0; number < Number(count); number++) {
  const id = `${name}-${number >> 3}`;
  const { version } =
    number % 8 === 0 ? await registry.create({ id }) : await registry.update(id, () => ({ number, by: name }));
  process.stdout.write(`${id} ${version}\n`);
}
await registry.close();
process.exit(0);
