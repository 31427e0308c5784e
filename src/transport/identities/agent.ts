import { connect } from 'node:net';
import { type Clock, pause } from '../../domain/clock.ts';
import { formatDuration } from '../../domain/duration.ts';
import { printable } from '../../domain/text.ts';
import { sha256Of, typeOfKey } from '../host-keys/public-key.ts';
import { type WireReader, wireReader, wireString, wireUint32 } from '../host-keys/ssh-wire.ts';

/*
 * The protocol of SSH agents (draft-miller-ssh-agent): listing keys and signing with one. Each request has its own connection, so that one that hangs does
 * not delay the others.
 */

export interface AgentKey {
  /** In SSH wire format. */
  readonly key: Buffer;
  readonly type: string;
  readonly comment: string;
}

/** `the SSH agent's "alice@laptop"`. */
export function describeAgentKey({ comment, key }: AgentKey): string {
  return `the SSH agent's ${comment ? `"${printable(comment)}"` : sha256Of(key)}`;
}

export interface Agent {
  /** Rejects with an Error when it does not answer in time. */
  keys(): Promise<readonly AgentKey[]>;
  /** A whole signature: its algorithm and what that makes. Rejects with an Error: refused, another algorithm, no answer. */
  sign(request: SignRequest): Promise<Buffer>;
}

export interface SignRequest {
  readonly key: Buffer;
  readonly data: Buffer;
  /** The signature wanted: `ssh-ed25519`, `rsa-sha2-512`, … Those of certificates have other names in requests to a server. */
  readonly algorithm: string;
}

export interface AgentSettings {
  readonly socket: string;
  /** A clock that is never paused. */
  readonly clock: Clock;
}

const LIST_DEADLINE = 2_000;
/** Agents such as 1Password's ask their user first. */
const SIGN_DEADLINE = 60_000;
const MAX_ANSWER = 256 * 1024;

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const RSA_FLAGS: Readonly<Record<string, number>> = { 'rsa-sha2-256': 2, 'rsa-sha2-512': 4 };

/** An agent behind a socket. It connects only when it is asked something. */
export function sshAgent(settings: AgentSettings): Agent {
  return {
    async keys() {
      const answer = await ask(settings, Buffer.from([REQUEST_IDENTITIES]), LIST_DEADLINE);
      return keysIn(expect(answer, IDENTITIES_ANSWER, 'it refused to list its keys'));
    },
    async sign({ key, data, algorithm }) {
      const flags = wireUint32(RSA_FLAGS[algorithm] ?? 0);
      const question = Buffer.concat([Buffer.from([SIGN_REQUEST]), wireString(key), wireString(data), flags]);
      const answer = expect(await ask(settings, question, SIGN_DEADLINE), SIGN_RESPONSE, 'it refused to sign');
      const signature = Buffer.from(answer.string());
      const type = wireReader(signature).string().toString('latin1');
      if (type !== algorithm) throw new Error(`it signed with ${type}, not ${algorithm}`);
      return signature;
    },
  };
}

function expect(answer: Buffer, type: number, refusal: string): WireReader {
  if (answer[0] !== type) throw new Error(refusal);
  const reader = wireReader(answer);
  reader.skip(1);
  return reader;
}

function keysIn(answer: WireReader): readonly AgentKey[] {
  const keys: AgentKey[] = [];
  for (let left = answer.uint32(); left > 0; left--) {
    const key = Buffer.from(answer.string());
    keys.push({ key, type: typeOfKey(key), comment: answer.string().toString('utf8') });
  }
  return keys;
}

/** One question and its answer. */
async function ask({ socket, clock }: AgentSettings, question: Buffer, ms: number): Promise<Buffer> {
  const waiting = new AbortController();
  const stream = connect(socket);
  try {
    const answer = new Promise<Buffer>((resolve, reject) => {
      let received = Buffer.alloc(0);
      stream.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const length = received.length < 4 ? 0 : received.readUInt32BE(0);
        if (length > MAX_ANSWER) reject(new Error('its answer is not valid'));
        else if (length > 0 && received.length >= length + 4) resolve(received.subarray(4, length + 4));
      });
      stream.once('error', (error: NodeJS.ErrnoException) => reject(new Error(reasonOf(error, socket))));
      stream.once('close', () => reject(new Error('it closed the connection')));
    });
    stream.write(wireString(question));
    const late = pause(clock, ms, waiting.signal).then(() => {
      throw new Error(`no answer in ${formatDuration(ms)}`);
    });
    return await Promise.race([answer, late]);
  } finally {
    waiting.abort();
    stream.destroy();
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException, socket: string): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return `no agent is listening at ${socket}`;
  return code === 'EACCES' ? `permission denied: ${socket}` : message;
}
