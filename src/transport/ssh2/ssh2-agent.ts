import ssh2, { type BaseAgent, type Client, type ParsedKey } from 'ssh2';
import { AppError } from '../../domain/errors.ts';
import { isOnToken } from '../host-keys/public-key.ts';
import { wireReader, wireString } from '../host-keys/ssh-wire.ts';
import { isCertificateType } from '../identities/certificate.ts';
import { packetWriterOf } from './ssh2-internals.ts';

export interface AgentOfOne {
  readonly client: Client;
  /** A public key or a certificate. */
  readonly key: Buffer;
  /** Its name in requests. */
  readonly algorithm: string;
  /** Resolves to a whole signature, or to undefined if there is none. */
  readonly sign: (data: Buffer) => Promise<Buffer | undefined>;
  readonly fail: (error: unknown) => void;
}

type SignCallback = (error?: Error | null, signature?: Buffer) => void;

/** An agent with one key. ssh2 signs with a key file synchronously, and only an agent may take its time. */
export function agentOfOne({ client, key, algorithm, sign, fail }: AgentOfOne): BaseAgent {
  const agent = Object.create(ssh2.BaseAgent.prototype) as BaseAgent;
  const isForeign = isCertificateType(algorithm) || isOnToken(algorithm);
  return Object.assign(agent, {
    getIdentities(callback: (error: Error | null, keys?: ParsedKey[]) => void) {
      const parsed = ssh2.utils.parseKey(isForeign ? SOME_KEY : key);
      if (parsed instanceof Error) return callback(parsed);
      // ssh2 asks the server for this type. It would offer an RSA key with SHA-1 to servers that do not say what they support.
      const own = isForeign ? { type: algorithm, getPublicSSH: () => key } : { type: algorithm };
      callback(null, [Object.assign(parsed as ParsedKey, own)]);
    },
    sign(...[, data, , callback]: [ParsedKey, Buffer, object, SignCallback]) {
      sign(data)
        .then((signature) => {
          if (!signature) callback(new Error('not signed'));
          else if (isForeign) sendWhole(client, { data, signature }, callback);
          else callback(null, valueIn(signature));
        })
        // The connection may be gone by now.
        .catch(fail);
    },
  });
}

/** ssh2 knows no certificates and no keys on tokens. A key that it knows stands in for them. */
const SOME_KEY = Buffer.concat([wireString('ssh-ed25519'), wireString(Buffer.alloc(32, 1))]);

/** What stands behind the name of the algorithm. */
function valueIn(signature: Buffer): Buffer {
  const reader = wireReader(signature);
  reader.string();
  return reader.string();
}

interface Signed {
  /** What was signed: the id of the session, then the request as far as the signature. */
  readonly data: Buffer;
  readonly signature: Buffer;
}

/**
 * ssh2 would name the signature after the request. That of a certificate has the name of its plain algorithm, and that of a token has more than one value, so
 * the request is put together here at the moment when ssh2 sends its own.
 */
function sendWhole(client: Client, { data, signature }: Signed, callback: SignCallback): void {
  const writer = packetWriterOf(client);
  if (!writer)
    throw new AppError('bug', 'this version of ssh2 cannot send the signature of a certificate or of a hardware token');
  const idOfSession = 4 + data.readUInt32BE(0);
  const payload = Buffer.concat([data.subarray(idOfSession), wireString(signature)]);
  const { finalize } = writer;
  let isSent = false;
  writer.finalize = () => {
    writer.finalize = finalize;
    isSent = true;
    const packet = writer.alloc(payload.length);
    packet.set(payload, writer.allocStart);
    return finalize.call(writer, packet);
  };
  callback(null, Buffer.alloc(1));
  writer.finalize = finalize;
  if (!isSent) throw new AppError('bug', 'ssh2 did not send the signature');
}
