import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
} from 'node:tls';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { AppError, messageOf } from '../../../domain/errors.ts';
import { withoutMark } from '../../../domain/text.ts';
import { describeRequest } from '../azure-errors.ts';
import type { Policy } from './retries.ts';
import { proxyFor, type WebProxy } from './web-proxy.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Agent = HttpAgent;

/** How requests leave this machine, according to its environment: through which proxy, and with which trusted certificates. */
export interface WebAgents {
  /** Rejects with `config` where a variable has a wrong value. */
  agentFor(target: URL): Promise<{ readonly agent: Agent; readonly proxy: WebProxy | undefined }>;
}

/** Agents are made when they are needed, and kept, because each holds its connections. */
export function webAgents(environment: Environment): WebAgents {
  const agents = new Map<string, Promise<Agent>>();
  let trusted: { readonly secureContext: SecureContext | undefined } | undefined;
  const make = async (proxy: WebProxy | undefined, target: URL): Promise<Agent> => {
    const isSecure = target.protocol === 'https:';
    trusted ??= { secureContext: trustedContext(environment) };
    const { secureContext } = trusted;
    const trust = secureContext ? { secureContext } : {};
    const options = { keepAlive: true, ...trust };
    if (!proxy) return isSecure ? new HttpsAgent(options) : new HttpAgent(options);
    const agent = await throughProxy(proxy.url, isSecure, options);
    // The options above are for the connection to the proxy; these are for the server behind it.
    Object.assign((agent as Agent & { options: object }).options, { ...trust, ...identityOf(target) });
    // If no tunnel was made, the reply of the proxy would be taken for the server's answer, although no certificate was checked.
    agent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200)
        throw Object.assign(new Error(`HTTP status ${statusCode}`), { code: `PROXY_${statusCode}` });
    });
    return agent;
  };
  return {
    async agentFor(target) {
      const proxy = proxyFor(target, environment);
      const host = hostOf(target);
      const key = `${target.protocol} ${isIP(host) ? host : ''} ${proxy?.url.href ?? ''}`;
      const agent = agents.get(key) ?? make(proxy, target);
      agents.set(key, agent);
      return { agent: await agent, proxy };
    },
  };
}

/** Behind a proxy, Node compares the certificate with the host name that was asked for. An IP address is not one, so it is checked here. */
function identityOf(target: URL) {
  const host = hostOf(target);
  return isIP(host) ? { checkServerIdentity: (_: string, its: PeerCertificate) => checkServerIdentity(host, its) } : {};
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '');

async function throughProxy(proxy: URL, isSecure: boolean, options: AgentOptions): Promise<Agent> {
  if (proxy.protocol.startsWith('socks')) {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    return new SocksProxyAgent(proxy, options);
  }
  return isSecure ? new HttpsProxyAgent(proxy, options) : new HttpProxyAgent(proxy, options);
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * Trusts Node's own authorities and those that the environment names; undefined where Node's own way is enough. It is made once and adds only certificates
 * that Node does not have: on most systems the file has the same ones as Node, and reading them took 100 ms for each connection.
 */
function trustedContext(environment: Environment): SecureContext | undefined {
  if (!environment['SSL_CERT_FILE']) return undefined;
  const bare = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, '');
  const known = new Set(rootCertificates.map(bare));
  const more = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']
    .flatMap((variable) => certificatesIn(environment[variable], variable))
    .filter((pem) => !known.has(bare(pem)));
  if (more.length === 0) return undefined;
  const secure = createSecureContext();
  // Given as `ca`, they would replace those that Node has.
  for (const pem of more) secure.context.addCACert(pem);
  return secure;
}

function certificatesIn(path: string | undefined, variable: string): readonly string[] {
  if (!path) return [];
  try {
    const text = withoutMark(readFileSync(path, 'utf8'));
    const found = text.match(CERTIFICATE);
    if (found) return found;
  } catch (error) {
    throw new AppError('config', `Cannot read the certificates in ${path} (set by ${variable}): ${messageOf(error)}`, {
      cause: error,
    });
  }
  throw new AppError('config', `There is no certificate in ${path} (set by ${variable})`, {
    hint: 'expected PEM, which begins with -----BEGIN CERTIFICATE-----',
  });
}

/**
 * Sends requests through these agents. It wraps the retries, so that failures of a proxy are reported as such. The SDK would read the environment in its
 * own way, unless it is given a proxy: `SDK_PROXY`.
 */
export function byAgents(agents: WebAgents, names: ReadonlyMap<string, string> = new Map()): Policy {
  return {
    name: 'azlinAgents',
    async sendRequest(request, next) {
      const target = new URL(request.url);
      const { agent, proxy } = await agents.agentFor(target);
      request.agent = agent;
      if (!proxy) return next(request);
      const { shown, variable, url } = proxy;
      const doing = isOfAzure(target) ? describeRequest(request.url, names) : `reach ${target.host}`;
      const failed = (what: string, hint: string, cause?: unknown) =>
        new AppError('azure-failed', `Cannot ${doing}: the proxy ${shown} (set by ${variable}) ${what}`, {
          hint,
          cause,
        });
      const refused = (status: string, cause?: unknown) => {
        if (status !== '407' && status !== '401')
          return failed(
            `refused the connection: HTTP status ${status}`,
            `ask whoever runs it to allow ${target.host}, or add that to NO_PROXY`,
            cause,
          );
        const isNamed = url.username !== '';
        const wants = isNamed ? 'rejected the user name or the password' : 'asks for a user name and a password';
        return failed(wants, `${variable}=http://USER:PASSWORD@${url.host}`, cause);
      };
      const response = await next(request).catch((error: unknown) => {
        if (error instanceof AppError || request.abortSignal?.aborted) throw error;
        const [, status] = /^PROXY_(\d+)$/.exec((error as { code?: string }).code ?? '') ?? [];
        if (status !== undefined) throw refused(status, error);
        // These are the server's own errors, however the request got there.
        if (/certificate/i.test(messageOf(error)) || (error as { code?: string }).code === 'PARSE_ERROR') throw error;
        throw failed(`failed: ${messageOf(error)}`, `check ${variable}, or add ${target.hostname} to NO_PROXY`, error);
      });
      if (response.status === 407) throw refused('407');
      return response;
    },
  };
}

const isOfAzure = ({ pathname }: URL) => /^\/(?:subscriptions|providers)\b/i.test(pathname);

/** A dummy proxy for the SDK, so that it does not read the environment. `byAgents` overrides it. */
export const SDK_PROXY = { host: 'http://127.0.0.1', port: 9 } as const;
