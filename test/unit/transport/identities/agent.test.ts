import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { wireString, wireUint32 } from '../../../../src/transport/host-keys/ssh-wire.ts';
import { sshAgent } from '../../../../src/transport/identities/agent.ts';
import { manualClock, realClock } from '../../../support/clock.ts';
import { until } from '../../../support/until.ts';

let directory = '';
let server: Server | undefined;
beforeEach(() => {
  directory = mkdtempSync('/tmp/azlin-agent-');
});
afterEach(() => {
  server?.close();
  rmSync(directory, { recursive: true });
});

/** An agent that answers each question with these bytes. */
async function answering(answer: (question: Buffer, socket: Socket) => void) {
  const path = join(directory, 'agent.sock');
  server = createServer(
    (socket) => void socket.on('error', () => {}).on('data', (question: Buffer) => answer(question, socket)),
  );
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

const key = Buffer.concat([wireString('ssh-ed25519'), wireString('point')]);

describe('an agent', () => {
  test('answers in pieces', async () => {
    const list = wireString(Buffer.concat([Buffer.from([12]), wireUint32(1), wireString(key), wireString('me')]));
    const socket = await answering((_question, stream) => {
      stream.write(list.subarray(0, 3));
      setImmediate(() => stream.write(list.subarray(3)));
    });
    expect(await sshAgent({ socket, clock: realClock }).keys()).toEqual([{ key, type: 'ssh-ed25519', comment: 'me' }]);
  });

  test.each<[string, Buffer, string]>([
    ['a refusal', Buffer.from([5]), 'it refused to list its keys'],
    ['more keys than it sends', Buffer.concat([Buffer.from([12]), wireUint32(0xffffffff)]), 'it is incomplete'],
  ])('%s', async (_name, answer, expected) => {
    const socket = await answering((_question, stream) => void stream.write(wireString(answer)));
    await expect(sshAgent({ socket, clock: realClock }).keys()).rejects.toThrow(expected);
  });

  test('an answer without end is not kept', async () => {
    const socket = await answering((_question, stream) => void stream.write(wireUint32(0xfffffff0)));
    await expect(sshAgent({ socket, clock: realClock }).keys()).rejects.toThrow('its answer is not valid');
  });

  test('a signature with another algorithm than wanted is none: RSA with SHA-1', async () => {
    const signature = Buffer.concat([wireString('ssh-rsa'), wireString('signed')]);
    const socket = await answering(
      (_question, stream) => void stream.write(wireString(Buffer.concat([Buffer.from([14]), wireString(signature)]))),
    );
    const signing = sshAgent({ socket, clock: realClock }).sign({
      key,
      data: Buffer.from('x'),
      algorithm: 'rsa-sha2-512',
    });
    await expect(signing).rejects.toThrow('it signed with ssh-rsa, not rsa-sha2-512');
  });

  test('no answer: two seconds for its keys, a minute for a signature, which its user may have to grant', async () => {
    let asked = 0;
    const socket = await answering(() => {
      asked++;
    });
    const clock = manualClock();
    const listing = sshAgent({ socket, clock }).keys();
    listing.catch(() => {});
    await until('the question', () => asked === 1);
    clock.advance(2_000);
    await expect(listing).rejects.toThrow('no answer in 2 s');
    const signing = sshAgent({ socket, clock }).sign({ key, data: Buffer.from('x'), algorithm: 'ssh-ed25519' });
    signing.catch(() => {});
    await until('the question', () => asked === 2);
    clock.advance(59_000);
    clock.advance(1_000);
    await expect(signing).rejects.toThrow('no answer in 60 s');
    expect(clock.pending()).toBe(0);
  });

  test('nobody there', async () => {
    const socket = join(directory, 'nothing.sock');
    await expect(sshAgent({ socket, clock: realClock }).keys()).rejects.toThrow(`no agent is listening at ${socket}`);
  });
});
