import { describe, expect, test } from '@jest/globals';
import { type Patience, retries, retryAfterOf } from '../../../../../src/inventory/azure/web/retries.ts';
import { recorded } from '../../../../support/arm-fixtures.ts';
import { manualClock } from '../../../../support/clock.ts';

type Policy = ReturnType<typeof retries>;
type Request = Parameters<Policy['sendRequest']>[0];
type Response = Awaited<ReturnType<Policy['sendRequest']>>;

function response(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return { status, headers: { get: (name: string) => headers[name] } } as unknown as Response;
}

/** Sends one request to a server that gives these answers, one after the other; time passes as fast as it is waited for. */
async function send(
  answers: readonly (Response | Error)[],
  patience: Partial<Patience> = {},
  abortSignal?: AbortSignal,
) {
  const clock = manualClock(0);
  const waits: number[] = [];
  const said: (string | undefined)[] = [];
  const quick = {
    now: clock.now,
    schedule: (ms: number, run: () => void) => {
      waits.push(ms);
      const cancel = clock.schedule(ms, run);
      queueMicrotask(() => clock.advance(ms));
      return cancel;
    },
  };
  const left = [...answers];
  let attempts = 0;
  const next = async () => {
    attempts++;
    const one = left.length > 1 ? left.shift() : left[0];
    if (one instanceof Error) throw one;
    return one as Response;
  };
  const policy = retries({ clock: quick, until: 30_000, aside: (text) => said.push(text), ...patience });
  const result = await policy.sendRequest({ abortSignal } as unknown as Request, next).then(
    ({ status }) => status,
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
  return { result, waits, attempts, said };
}

const broken = (code: string) => Object.assign(new Error(code), { code });

describe('retries', () => {
  test('429: after the time that the server asks for', async () => {
    expect(await send([response(429, { 'retry-after': '7' }), response(200)])).toEqual({
      result: 200,
      waits: [expect.any(Number)],
      attempts: 2,
      said: ['Azure is throttling requests; trying again in 7 s', undefined],
    });
  });

  test('429 without a word, and 5xx: after a growing time', async () => {
    const { result, waits, attempts } = await send([response(429), response(500), response(503), response(200)]);
    expect({ result, attempts }).toEqual({ result: 200, attempts: 4 });
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(300 * 2 ** index * 0.75);
      expect(wait).toBeLessThanOrEqual(300 * 2 ** index * 1.25);
    }
  });

  test('five attempts, then the refusal is the answer', async () => {
    expect(await send([response(500)])).toMatchObject({ result: 500, attempts: 5 });
    expect(await send([response(429, { 'retry-after': '0' })])).toMatchObject({ result: 429, attempts: 5 });
  });

  test('who asks for time gets it until there is none left, and a little more, so that not all come back at once', async () => {
    const { attempts, waits } = await send([response(429, { 'retry-after': '2' })]);
    expect(attempts).toBeGreaterThan(12);
    expect(waits.every((wait) => wait >= 2_000 && wait <= 2_100)).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  test('a wait beyond the deadline is not begun', async () => {
    expect(await send([response(429, { 'retry-after': '1200' })])).toEqual({
      result: 429,
      waits: [],
      attempts: 1,
      said: [],
    });
    expect(await send([response(429, { 'retry-after': '20' })])).toMatchObject({ attempts: 2 });
  });

  test('a connection that broke is made anew; one that cannot be made is not', async () => {
    expect(await send([broken('ECONNRESET'), response(200)])).toMatchObject({ result: 200, attempts: 2 });
    expect(await send([broken('ECONNREFUSED'), response(200)])).toMatchObject({ result: 'ECONNREFUSED', attempts: 1 });
  });

  test.each([200, 202, 401, 403, 404, 409])('%i is final', async (status) => {
    expect(await send([response(status)])).toMatchObject({ result: status, attempts: 1 });
  });

  test('an interrupt ends the wait', async () => {
    const controller = new AbortController();
    const answer = send(
      [response(429, { 'retry-after': '7' }), response(200)],
      {
        aside: () => controller.abort(new Error('stop')),
      },
      controller.signal,
    );
    expect(await answer).toMatchObject({ result: 'stop', attempts: 1 });
  });
});

describe('how long a server wants to be left alone', () => {
  const of = (headers: Record<string, string>, status = 429) => retryAfterOf(response(status, headers));

  test.each([
    [{ 'retry-after': '5' }, 5_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'x-ms-retry-after-ms': '10' }, 10],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:09 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' }, 9_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '99999999999999999999' }, 604_800_000],
    [{ 'retry-after-ms': '1e999' }, 604_800_000],
    [{ 'retry-after': 'Wed, 21 Oct 2099 07:28:09 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' }, 604_800_000],
    [{}, undefined],
  ])('%j: %s', (headers, expected) => {
    expect(of(headers as Record<string, string>)).toBe(expected);
  });

  test('Resource Graph counts in its own way', () => {
    const { headers, status } = recorded('err-429-arg-ratelimiting');
    expect(of({ ...headers }, status)).toBe(5_000);
    expect(of({ ...headers }, 200)).toBeUndefined();
  });
});
