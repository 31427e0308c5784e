import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError, messageOf } from '../../../domain/errors.ts';
import type { Policy } from './retries.ts';

/** The most bytes of a reply after decompression. A page of a list has a few hundred kilobytes. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Reads replies itself, up to `most` bytes after decompression, and stops reading when the work is aborted. */
export function limitedReplies(most = MOST_BYTES): Policy {
  return {
    name: 'azlinReplyLimit',
    async sendRequest(request, next) {
      const ended = new AbortController();
      const given = request.abortSignal as AbortSignal | undefined;
      request.abortSignal = given ? AbortSignal.any([given, ended.signal]) : ended.signal;
      request.streamResponseStatusCodes = new Set([Number.POSITIVE_INFINITY]);
      // When the SDK decompresses a reply that breaks off, the reply never ends. So the SDK must not know that replies may be compressed.
      request.headers.delete('Accept-Encoding');
      request.requestOverrides = {
        get headers() {
          return { ...request.headers.toJSON({ preserveCase: true }), 'Accept-Encoding': 'gzip' };
        },
      };
      try {
        const response = await next(request);
        const { readableStreamBody: sent } = response;
        if (!sent) return response;
        if (Number(response.headers.get('content-length')) > most) throw tooLong(request.url, most);
        const isPacked = /gzip/i.test(response.headers.get('content-encoding') ?? '');
        const stream = isPacked ? pipeline(sent, createGunzip(), () => {}) : sent;
        const chunks: Buffer[] = [];
        let length = 0;
        try {
          for await (const chunk of stream as AsyncIterable<Buffer>) {
            length += chunk.length;
            if (length > most) throw tooLong(request.url, most);
            chunks.push(chunk);
          }
        } catch (error) {
          given?.throwIfAborted();
          throw error instanceof AppError ? error : brokenOff(error);
        }
        delete response.readableStreamBody;
        response.bodyAsText = Buffer.concat(chunks).toString('utf8');
        return response;
      } catch (error) {
        // Do not wait for the rest of the reply.
        ended.abort();
        throw error;
      } finally {
        request.abortSignal = given as never;
      }
    },
  };
}

function tooLong(url: string, most: number): AppError {
  const { origin, pathname } = new URL(url);
  return new AppError(
    'azure-failed',
    `The reply from ${origin} to ${pathname} is larger than ${most / 1024 / 1024} MiB; the rest was not read`,
    {
      hint: 'check azure.resource_manager and the proxy; Azure does not send such large replies',
    },
  );
}

/** The error for a reply that breaks off, with the code that the SDK uses for it. */
const brokenOff = (error: unknown) =>
  Object.assign(new Error(`the reply was cut off: ${messageOf(error)}`, { cause: error }), { code: 'PARSE_ERROR' });
