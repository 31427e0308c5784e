import { type Endpoint, endpointOfAddress } from '../../src/transport/endpoint.ts';

/** An endpoint on loopback. Pass the fields that matter to the test. */
export function anEndpoint(fields: Partial<Endpoint> = {}): Endpoint {
  return { ...endpointOfAddress('127.0.0.1', { flagUser: 'u' }), ...fields };
}
