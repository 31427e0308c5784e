import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:net';
import { wireReader, wireString, wireUint32 } from '../../src/transport/host-keys/ssh-wire.ts';

/** An SSH agent with a hardware token that is software. */
export interface TokenAgent {
  readonly socket: string;
  /** A line as in authorized_keys. */
  readonly publicKey: string;
  /** Also lets it hold a certificate for the key, as a line of a file. */
  hold(certificate: string): void;
  close(): void;
}

const TYPE = 'sk-ssh-ed25519@openssh.com';
const APPLICATION = 'ssh:';
const USER_PRESENT = 1;
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest();
const blobOf = (line: string) => Buffer.from(line.split(' ')[1] ?? '', 'base64');

/** Signs as FIDO2 has it (PROTOCOL.u2f): flags and a counter are signed too, and stand behind the signature. */
export async function startTokenAgent(socket: string): Promise<TokenAgent> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const key = Buffer.concat([wireString(TYPE), wireString(point), wireString(APPLICATION)]);
  const held = [key];
  let counter = 0;
  const signed = (data: Buffer) => {
    const more = Buffer.concat([Buffer.from([USER_PRESENT]), wireUint32(++counter)]);
    const value = sign(null, Buffer.concat([sha256(APPLICATION), more, sha256(data)]), privateKey);
    return Buffer.concat([wireString(TYPE), wireString(value), more]);
  };
  const answer = (question: Buffer) => {
    if (question[0] === 11) {
      const keys = held.map((one) => Buffer.concat([wireString(one), wireString('token')]));
      return Buffer.concat([Buffer.from([12]), wireUint32(held.length), ...keys]);
    }
    const reader = wireReader(question.subarray(1));
    reader.string();
    return Buffer.concat([Buffer.from([14]), wireString(signed(reader.string()))]);
  };
  const server = createServer((stream) => {
    let received = Buffer.alloc(0);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0);
        stream.write(wireString(answer(received.subarray(4, end))));
        received = received.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    publicKey: `${TYPE} ${key.toString('base64')} token`,
    hold: (certificate) => void held.push(blobOf(certificate)),
    close: () => server.close(),
  };
}
