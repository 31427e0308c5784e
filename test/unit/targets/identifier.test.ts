import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AppError } from '../../../src/domain/errors.ts';
import { sessionNameProblem } from '../../../src/domain/session.ts';
import { formatIdentifier, type HostRef, type Identifier, parseIdentifier } from '../../../src/targets/identifier.ts';

const vm = (name: string, resourceGroup?: string, user?: string): HostRef => ({
  kind: 'vm',
  resourceGroup,
  name,
  user,
});
const address = (text: string, user?: string): HostRef => ({ kind: 'address', address: text, user });
const compound = (host: HostRef, session: string): Identifier => ({ kind: 'compound', host, session });
const bare = (session: string | undefined, host: HostRef | undefined): Identifier => ({ kind: 'bare', session, host });

describe('parseIdentifier', () => {
  test.each<[string, Identifier]>([
    ['myvm:dev', compound(vm('myvm'), 'dev')],
    ['rg/myvm:dev', compound(vm('myvm', 'rg'), 'dev')],
    ['alice@rg/myvm:dev', compound(vm('myvm', 'rg', 'alice'), 'dev')],
    ['alice@contoso.com@myvm:dev', compound(vm('myvm', undefined, 'alice@contoso.com'), 'dev')],
    ['CORP\\bob@myvm:dev', compound(vm('myvm', undefined, 'CORP\\bob'), 'dev')],
    ['CORP\\bob@rg/myvm', bare('CORP\\bob@rg/myvm', vm('myvm', 'rg', 'CORP\\bob'))],
    ['[fe80::1%lo]:dev', compound(address('fe80::1%lo'), 'dev')],
    ['CORP\\bob@[fe80::1%eth0]', bare(undefined, address('fe80::1%eth0', 'CORP\\bob'))],
    ['10.0.0.4:dev', compound(address('10.0.0.4'), 'dev')],
    ['10.0.0.4', bare(undefined, address('10.0.0.4'))],
    ['ubuntu@203.0.113.10:agent', compound(address('203.0.113.10', 'ubuntu'), 'agent')],
    ['[2001:db8::4]', bare(undefined, address('2001:db8::4'))],
    ['bob@[::1]:dev', compound(address('::1', 'bob'), 'dev')],
    ['myvm:größe 東京', compound(vm('myvm'), 'größe 東京')],
    ['myvm:feature/x', compound(vm('myvm'), 'feature/x')],
    ['myvm:a@b', compound(vm('myvm'), 'a@b')],
    ['myvm:$3', compound(vm('myvm'), '$3')],
    ['dev', bare('dev', vm('dev'))],
    ['feature/x', bare('feature/x', vm('x', 'feature'))],
    ['a/b/c', bare('a/b/c', undefined)],
    ['alice@myvm', bare('alice@myvm', vm('myvm', undefined, 'alice'))],
    ['web.example', bare(undefined, vm('web.example'))],
    ['two words', bare('two words', undefined)],
  ])('%s', (text, expected) => {
    expect(parseIdentifier(text)).toEqual(expected);
  });

  test.each([
    'a:b:c',
    'myvm:',
    ':dev',
    'myvm::dev',
    ':',
    'fe80::1',
    'my vm:dev',
    'myvm:.x',
    'myvm:-x',
    'myvm: x',
    'myvm:=x',
    'myvm:$x',
    'myvm:$',
    '-o@myvm:dev',
    'a/b/c:dev',
  ])('%s is an invalid compound name', (text) => {
    expect(() => parseIdentifier(text)).toThrow(
      expect.objectContaining({
        code: 'invalid-identifier',
        message: `Invalid compound name "${text}": expected hostname:session_name`,
      }),
    );
  });

  test.each(['', ' ', '-x', '=x', 'x\u0007', '[nonsense]', '-x@[::1]', 'x'.repeat(100)])(
    '%j is no identifier',
    (text) => {
      expect(() => parseIdentifier(text)).toThrow(AppError);
    },
  );

  test('an IPv6 address without brackets is told about brackets', () => {
    expect(() => parseIdentifier('fe80::1')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('[fe80::1]') }),
    );
  });
});

describe('for every identifier', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_]([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?$/);
  const user = fc.option(fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,15}$/), { nil: undefined });
  const session = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => sessionNameProblem(text) === undefined);
  const host: fc.Arbitrary<HostRef> = fc.oneof(
    fc.record({ kind: fc.constant('vm' as const), resourceGroup: fc.option(name, { nil: undefined }), name, user }),
    fc.record({ kind: fc.constant('address' as const), address: fc.oneof(fc.ipV4(), fc.ipV6()), user }),
  );

  test('parse(format(x)) = x: compound ones', () => {
    fc.assert(
      fc.property(host, session, (one, named) => {
        expect(parseIdentifier(formatIdentifier(compound(one, named)))).toEqual(compound(one, named));
      }),
    );
  });

  test('format(parse(text)) = text: bare ones', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          host.map((one) => formatIdentifier(bare(undefined, one))),
          session,
        ),
        (text) => {
          fc.pre(!text.includes('['));
          expect(formatIdentifier(parseIdentifier(text))).toBe(text);
        },
      ),
    );
  });

  test('any text at all parses or is an AppError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        try {
          parseIdentifier(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });
});
