import { verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startUserAuthority, type UserAuthority } from '../../../../src/demo/user-authority.ts';
import { type Caller, silentCaller, withSignal } from '../../../../src/domain/caller.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import { type EntraSettings, entraCertificates, userOf } from '../../../../src/transport/identities/entra.ts';
import { manualClock } from '../../../support/clock.ts';

/* Real certificates of a real authority. */

let directory: string;
let authority: UserAuthority;
beforeAll(async () => {
  directory = mkdtempSync('/tmp/azlin-lab-');
  authority = await startUserAuthority('ssh-keygen', directory);
});
afterAll(() => rmSync(directory, { recursive: true }));

const caller = silentCaller(new AbortController().signal);
const alice = { tenant: 't', subscription: null, as: 'alice@example.com', wish: 'auto', vmId: null } as const;

function certificatesBy(issue: EntraSettings['issue'], clock = manualClock(Date.now())) {
  const asked: Parameters<EntraSettings['issue']>[] = [];
  const certificates = entraCertificates({
    clock,
    issue(...question) {
      asked.push(question);
      return issue(...question);
    },
    refusal: async () => ({ problem: '', cure: '' }),
  });
  return { certificates, asked, clock };
}
const issue: EntraSettings['issue'] = async ({ line }, { as }) =>
  Buffer.from(await authority.certify(line, [as.toUpperCase(), 'other']), 'base64');

test('one certificate for all who want it, until it is about to expire', async () => {
  const { certificates, asked, clock } = certificatesBy(issue);
  const [first, second] = await Promise.all([
    certificates.certificate(alice, caller),
    certificates.certificate(alice, caller),
  ]);
  expect(first.equals(second)).toBe(true);
  expect(userOf(first)).toBe('alice@example.com');
  clock.advance(57 * 60_000);
  expect((await certificates.certificate(alice, caller)).equals(first)).toBe(true);
  expect(asked).toHaveLength(1);
  clock.advance(62_000);
  // Less than two minutes are left.
  const renewed = certificates.certificate(alice, caller);
  expect((await renewed).equals(first)).toBe(false);
  expect(asked).toHaveLength(2);
});

test('another account has another one, with another key', async () => {
  const { certificates, asked } = certificatesBy(issue);
  await certificates.certificate(alice, caller);
  await certificates.certificate({ ...alice, vmId: '/subscriptions/s', wish: 'always' }, caller);
  expect(asked).toHaveLength(1);
  const bob = await certificates.certificate({ ...alice, as: 'bob@example.com' }, caller);
  expect(userOf(bob)).toBe('bob@example.com');
  await certificates.certificate({ ...alice, tenant: 'u' }, caller);
  expect(new Set(asked.map(([{ line }]) => line)).size).toBe(3);
});

test('signs with the key of the certificate, and with no other', async () => {
  const { certificates, asked } = certificatesBy(issue);
  const certificate = await certificates.certificate(alice, caller);
  const data = Buffer.from('what the server wants signed');
  for (const [algorithm, hash] of [
    ['rsa-sha2-512', 'sha512'],
    ['rsa-sha2-256', 'sha256'],
  ] as const) {
    const signature = await certificates.sign({ certificate, data, algorithm }, caller);
    const name = signature.subarray(4, 4 + signature.readUInt32BE(0)).toString();
    expect(name).toBe(algorithm);
    const key = { key: asked[0]?.[0].jwk as never, format: 'jwk' } as const;
    expect(verify(hash, data, key, signature.subarray(4 + name.length + 4))).toBe(true);
  }
  const other = certificates.sign({ certificate: Buffer.from('other'), data, algorithm: 'rsa-sha2-512' }, caller);
  await expect(other).rejects.toMatchObject({ code: 'not-signed-in' });
});

test('a failure is told to all, and not asked about again for a moment', async () => {
  const { certificates, asked, clock } = certificatesBy(async () => {
    throw new AppError('not-signed-in', 'no');
  });
  const both = [certificates.certificate(alice, caller), certificates.certificate(alice, caller)];
  for (const one of await Promise.allSettled(both))
    expect(one).toMatchObject({ status: 'rejected', reason: { message: 'no' } });
  await expect(certificates.certificate(alice, caller)).rejects.toThrow('no');
  expect(asked).toHaveLength(1);
  clock.advance(10_000);
  await expect(certificates.certificate(alice, caller)).rejects.toThrow('no');
  expect(asked).toHaveLength(2);
});

test('one who gives up does not take it from the others; when all have, the next one asks again', async () => {
  const { certificates, asked } = certificatesBy(issue);
  const [first, second] = [new AbortController(), new AbortController()];
  const as = ({ signal }: AbortController): Caller => withSignal(caller, signal);
  const waiting = certificates.certificate(alice, as(first));
  const other = certificates.certificate(alice, as(second));
  first.abort(new AppError('interrupted', 'Interrupted'));
  await expect(waiting).rejects.toThrow('Interrupted');
  await expect(other).resolves.toBeInstanceOf(Buffer);
  const third = new AbortController();
  const { certificates: fresh, asked: again } = certificatesBy(issue);
  const alone = fresh.certificate(alice, as(third));
  third.abort(new AppError('interrupted', 'Interrupted'));
  await expect(alone).rejects.toThrow('Interrupted');
  await expect(fresh.certificate(alice, caller)).resolves.toBeInstanceOf(Buffer);
  expect(asked).toHaveLength(1);
  expect(again.length).toBeGreaterThan(0);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['noise', Buffer.from('noise that is no certificate at all')],
  ['a plain key', Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIEvEwsGqZ4Xb8QwFZV9v4V9hQm0m4y8L3yWmL7f5r8lK', 'base64')],
])('%s instead of a certificate', async (_, blob) => {
  const { certificates } = certificatesBy(async () => blob);
  await expect(certificates.certificate(alice, caller)).rejects.toMatchObject({
    code: 'azure-failed',
    message: expect.stringContaining('The SSH certificate from Entra ID cannot be used: '),
  });
});
