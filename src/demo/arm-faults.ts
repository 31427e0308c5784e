/** A reply of the local servers. */
export interface Reply {
  readonly status: number;
  /** Sent as JSON; a Buffer is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something that goes wrong at the local Resource Manager: the first fault that fits a request and is not used up answers it. */
export interface Fault {
  /** Matched against `GET /subscriptions/…`, including the query. */
  readonly match: RegExp;
  /** Matched against the body. */
  readonly body?: RegExp;
  /** How many requests it affects; by default all of them. */
  readonly times?: number;
  /** The answer instead of the right one. */
  readonly reply?: Reply;
  /** Milliseconds before anything is answered. */
  readonly delay?: number;
  /** Cuts the reply in the middle: `connection` breaks the connection, `json` ends the reply properly but too soon. */
  readonly cut?: 'connection' | 'json';
  /** Changes the right answer. */
  readonly edit?: (body: never) => unknown;
}

/** A refusal in the words of Resource Manager. */
export function refusal(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

/** `retryAfter`: the value of the retry-after header; without it there is no such header. */
export function throttled(subscription: string, retryAfter?: string): Reply {
  return {
    ...refusal(
      429,
      'SubscriptionRequestsThrottled',
      `Number of requests for subscription '${subscription}' exceeded the limit. Please try again after '${retryAfter ?? 0}' seconds.`,
    ),
    ...(retryAfter === undefined ? {} : { headers: { 'retry-after': retryAfter } }),
  };
}

export function forbidden(subscription: string, action: string): Reply {
  return refusal(
    403,
    'AuthorizationFailed',
    `The client 'demo' does not have authorization to perform action '${action}' over scope '/subscriptions/${subscription}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The fault for a request, which counts as one of its `times`. */
  take(request: string, body: string): Fault | undefined;
}

export function faultList(): Faults {
  const left = new Map<Fault, number>();
  return {
    add: (fault) => void left.set(fault, fault.times ?? Number.POSITIVE_INFINITY),
    clear: () => left.clear(),
    take(request, body) {
      for (const [fault, times] of left) {
        if (times <= 0 || !fault.match.test(request) || fault.body?.test(body) === false) continue;
        left.set(fault, times - 1);
        return fault;
      }
      return undefined;
    },
  };
}
