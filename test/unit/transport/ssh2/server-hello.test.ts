import { describe, expect, test } from '@jest/globals';
import { WEAKEST } from '../../../../src/domain/ssh-choices.ts';
import { wireString, wireUint32 } from '../../../../src/transport/host-keys/ssh-wire.ts';
import { disagreement, hostKeyOrder } from '../../../../src/transport/ssh2/algorithms.ts';
import { helloReader } from '../../../../src/transport/ssh2/server-hello.ts';

const LISTS = ['kex-1,kex-2', 'key-1', 'cipher-out', 'cipher-in', 'mac-out', 'mac-in', '', '', '', ''];
function kexInit(lists: readonly string[]): Buffer {
  const payload = Buffer.concat([Buffer.from([20]), Buffer.alloc(16), ...lists.map(wireString), Buffer.alloc(5)]);
  const padding = Buffer.alloc(8);
  return Buffer.concat([
    wireUint32(1 + payload.length + padding.length),
    Buffer.from([padding.length]),
    payload,
    padding,
  ]);
}
const hello = (bytes: Buffer, piece: number) => {
  const reader = helloReader();
  for (let at = 0; at < bytes.length; at += piece) reader.read(bytes.subarray(at, at + piece));
  return reader.hello();
};

describe('what a server says first', () => {
  const whole = Buffer.concat([Buffer.from('Welcome\r\nSSH-2.0-OpenSSH_9.2p1 Debian\r\n'), kexInit(LISTS)]);

  test.each([1, 7, 10_000])('in pieces of %i bytes', (piece) => {
    expect(hello(whole, piece)).toEqual({
      heard: true,
      greeting: 'Welcome',
      version: 'OpenSSH_9.2p1 Debian',
      offers: { kex: ['kex-1', 'kex-2'], hostKey: ['key-1'], cipher: ['cipher-out'], mac: ['mac-out'] },
    });
  });

  test('nothing, no SSH, half a banner, nonsense after it', () => {
    expect(hello(Buffer.alloc(0), 1)).toEqual({ heard: false, greeting: '', version: undefined, offers: undefined });
    expect(hello(Buffer.from('HTTP/1.1 400\r\n'), 5)).toMatchObject({
      heard: true,
      greeting: 'HTTP/1.1 400\n',
      version: undefined,
    });
    expect(hello(Buffer.from('SSH-2.0-half'), 5).version).toBeUndefined();
    const odd = Buffer.concat([Buffer.from('SSH-2.0-x\n'), wireUint32(0xffffffff), Buffer.alloc(100)]);
    expect(hello(odd, 5)).toMatchObject({ version: 'x', offers: undefined });
    const cutShort = Buffer.concat([
      Buffer.from('SSH-2.0-x\n'),
      wireUint32(30),
      Buffer.from([4, 20]),
      Buffer.alloc(16),
      wireUint32(9_999),
      Buffer.alloc(50),
    ]);
    expect(hello(cutShort, 5).offers).toBeUndefined();
  });

  test('a megabyte of greeting is not kept, and costs no more than its length', () => {
    const reader = helloReader();
    const started = Date.now();
    for (let index = 0; index < 1_000; index++) reader.read(Buffer.alloc(1_000, 'x'));
    expect(reader.hello().greeting.length).toBe(500);
    expect(Date.now() - started).toBeLessThan(2_000);
  });
});

describe('agreement', () => {
  const offers = {
    kex: ['curve25519-sha256'],
    hostKey: ['ssh-ed25519'],
    cipher: ['aes128-ctr'],
    mac: ['hmac-sha2-256'],
  };

  test('what there is none on, and the setting that would make it', () => {
    expect(disagreement(WEAKEST, offers)).toBeUndefined();
    expect(disagreement(WEAKEST, { ...offers, mac: ['hmac-sha1', 'hmac-md5'] })).toMatchObject({
      what: 'MAC',
      offered: ['hmac-sha1', 'hmac-md5'],
      setting: 'ssh.weakest_mac = "hmac-sha1"',
    });
    expect(disagreement({ ...WEAKEST, mac: 'hmac-sha1' }, { ...offers, mac: ['hmac-sha1'] })).toBeUndefined();
    // Nothing allows these.
    expect(disagreement(WEAKEST, { ...offers, hostKey: ['ssh-rsa'] })).toMatchObject({
      what: 'host key',
      setting: undefined,
    });
    expect(disagreement(WEAKEST, { ...offers, cipher: ['3des-cbc'] })).toMatchObject({
      what: 'cipher',
      setting: undefined,
    });
  });

  test('types that are known come first, RSA with SHA-2 only', () => {
    expect(hostKeyOrder(['ssh-rsa'])).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
    ]);
    expect(hostKeyOrder(['ssh-dss', 'ecdsa-sha2-nistp384'])[0]).toBe('ecdsa-sha2-nistp384');
    expect(hostKeyOrder([])).not.toContain('ssh-rsa');
  });
});
