import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/server';
import { serveOverHttp } from '../../../src/mcp/serve/http.ts';
import type { McpService } from '../../../src/mcp/serve/service.ts';
import { serveOverStdio } from '../../../src/mcp/serve/stdio.ts';
import { serveTasks } from '../../../src/mcp/tasks.ts';
import { offerDocuments } from './documents.ts';
import { offerQuestions } from './questions.ts';
import { madeTasks } from './task-tools.ts';
import { offering, offerTools } from './tools.ts';

/*
 * The tools, resources and prompts that the conformance suite asks for, served by azlin's own code: over standard input and output, or with a port as its
 * argument over HTTP. The suite shows no token, so there a proxy in front adds it.
 */

const TOKEN = 'conformance-fixture';
const tasks = madeTasks();

const service: McpService = {
  clock: {
    now: () => Date.now(),
    schedule(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  },
  log: (line) => console.error(line),
  onChange: () => () => {},
  onCall: () => {},
  serverFor(changesFor) {
    const server: McpServer = new McpServer(
      { name: 'azlin-conformance', version: '1.0.0' },
      { capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} } },
    );
    const offer = offering(server);
    offerTools(offer);
    offerQuestions(offer);
    tasks.offer(offer);
    offerDocuments(server);
    if (changesFor === 'subscribers') {
      server.server.setRequestHandler('resources/subscribe', async () => ({}));
      server.server.setRequestHandler('resources/unsubscribe', async () => ({}));
    } else serveTasks(server, tasks.source);
    return server;
  },
};

const port = process.argv[2];
const { signal } = new AbortController();
if (port === undefined) await serveOverStdio(service, { stdin: process.stdin, stdout: process.stdout, signal });
else await serveOverHttp(service, { host: '127.0.0.1', port: 0, token: TOKEN, signal, onReady: addToken });

function addToken(url: string): void {
  const proxy = createServer((asked, answer) => {
    const headers = { ...asked.headers, authorization: `Bearer ${TOKEN}` };
    const passed = httpRequest(url, { method: asked.method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    // Whoever goes away here is gone there, too.
    answer.once('close', () => passed.destroy());
    asked.pipe(passed);
  });
  proxy.listen(Number(port), '127.0.0.1', () =>
    console.log(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`),
  );
}
