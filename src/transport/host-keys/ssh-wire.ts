/*
 * The data types of the SSH protocol (RFC 4251, section 5), as far as keys, agents and the first packet need them.
 */

export interface WireReader {
  uint32(): number;
  uint64(): bigint;
  /** A string of the protocol: its length and that many bytes. */
  string(): Buffer;
  skip(bytes: number): void;
  /** How many bytes are left. */
  left(): number;
}

/** Reads from the start. Every method throws an Error if there are not enough bytes left. */
export function wireReader(bytes: Buffer): WireReader {
  let at = 0;
  const take = (length: number) => {
    if (length > bytes.length - at) throw new Error('it is incomplete');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const uint32 = () => take(4).readUInt32BE(0);
  return {
    uint32,
    uint64: () => take(8).readBigUInt64BE(0),
    string: () => take(uint32()),
    skip: (length) => void take(length),
    left: () => bytes.length - at,
  };
}

/** A string of the protocol. */
export function wireString(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A number of the protocol in four bytes. */
export function wireUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
