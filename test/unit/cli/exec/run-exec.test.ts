import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { copy } from '../../../../src/cli/exec/run-exec.ts';

const unexpected = (error: Error) => {
  throw error;
};

describe('copy', () => {
  test('hands on every byte, and leaves the other end open', async () => {
    const to = new PassThrough();
    await copy(Readable.from([Buffer.from('one '), Buffer.from('two')]), to, unexpected);
    expect([to.read()?.toString(), to.writableEnded]).toEqual(['one two', false]);
  });

  test('a stream that has ended already is handed on already', async () => {
    const from = new PassThrough();
    from.end();
    await new Promise((resolve) => from.on('end', resolve).resume());
    await copy(from, new PassThrough(), unexpected);
  });

  test('what cannot be written is told once, and the rest is thrown away', async () => {
    const errors: string[] = [];
    const to = new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) });
    const from = new PassThrough();
    const copied = copy(from, to, (error) => errors.push(error.message));
    for (let n = 0; n < 100; n++) from.write(Buffer.alloc(10_000));
    from.end();
    await copied;
    expect(errors).toEqual(['full']);
  });
});
