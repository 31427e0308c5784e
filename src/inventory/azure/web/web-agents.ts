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

/** How requests leave this machine, as its environment says: by which proxy, and whose certificates are believed. */
export interface WebAgents {
  /** Rejects with `config` where a variable has a wrong value. */
  agentFor(target: URL): Promise<{ readonly agent: Agent; readonly proxy: WebProxy | undefined }>;
}

/** Agents are made when they are needed, and kept: with each come its connections. */
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
    // What they are given is for the way to the proxy; this is for the server behind it.
    Object.assign((agent as Agent & { options: object }).options, { ...trust, ...identityOf(target) });
    // What comes instead of a tunnel would be taken for the server's answer, though no certificate has been seen.
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

/** Behind a proxy the name in the certificate is compared with the one that was asked for; an address is none. */
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
 * Believes the authorities of Node and those that the environment names; undefined where Node's own way does it. It is made once, and of those that Node does
 * not have: most systems name the same ones in a file, and reading them took 100 ms a connection.
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
  // Given as `ca` they would take the place of those that Node has.
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
 * Sends requests by these agents. It stands around the retries: what a proxy does is said as such. The SDK reads the environment in a way of its own,
 * unless it is told of some proxy: `SDK_PROXY`.
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
        // These are the server's own, whatever leads there.
        if (/certificate/i.test(messageOf(error)) || (error as { code?: string }).code === 'PARSE_ERROR') throw error;
        throw failed(`failed: ${messageOf(error)}`, `check ${variable}, or add ${target.hostname} to NO_PROXY`, error);
      });
      if (response.status === 407) throw refused('407');
      return response;
    },
  };
}

const isOfAzure = ({ pathname }: URL) => /^\/(?:subscriptions|providers)\b/i.test(pathname);

/** What the SDK is told, so that it leaves the environment alone; `byAgents` takes its place. */
export const SDK_PROXY = { host: 'http://127.0.0.1', port: 9 } as const;
