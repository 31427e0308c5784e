import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import type { DemoFleet } from '../../src/demo/demo-fleet.ts';
import { until } from './until.ts';

/** A real proxy on loopback. */
export interface RealProxy {
  readonly port: number;
  /** What has gone through it. */
  readonly log: () => string;
  stop(): void;
}

/** tinyproxy, which asks for a password where `login` is given (`user password`). */
export async function startTinyproxy({ directory }: DemoFleet, login?: string): Promise<RealProxy> {
  const port = await freePort();
  const log = join(directory, `tinyproxy-${port}.log`);
  const config = join(directory, `tinyproxy-${port}.conf`);
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'MaxClients 20', 'LogLevel Connect', `LogFile "${log}"`];
  writeFileSync(config, `${[...lines, 'Allow 127.0.0.1', ...(login ? [`BasicAuth ${login}`] : [])].join('\n')}\n`);
  const child = spawn('tinyproxy', ['-d', '-c', config], { stdio: 'ignore' });
  return running(child, port, () => readFileSync(log, 'utf8'));
}

/** `ssh -D` to a machine of the fleet: a SOCKS proxy. */
export async function startSshSocks(fleet: DemoFleet, name: string): Promise<RealProxy> {
  const machine = fleet.machines.get(name);
  if (!machine) throw new Error(`no machine ${name}`);
  const port = await freePort();
  const log = join(fleet.directory, `socks-${port}.log`);
  const options = ['-F', 'none', '-N', '-v', '-E', log, '-D', `127.0.0.1:${port}`, '-i', fleet.identity];
  const known = ['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${fleet.directory}/socks-hosts`];
  const to = ['-p', `${machine.port}`, `${machine.user}@${machine.address}`];
  return running(spawn('ssh', [...options, ...known, ...to], { stdio: 'ignore' }), port, () =>
    readFileSync(log, 'utf8'),
  );
}

async function running(child: ChildProcess, port: number, log: () => string): Promise<RealProxy> {
  await until('the proxy', () => isListening(port), 15_000);
  return { port, log, stop: () => void child.kill() };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
