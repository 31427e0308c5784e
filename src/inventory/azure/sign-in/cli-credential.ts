import { type ChildProcess, spawn } from 'node:child_process';
import {
  type AccessToken,
  CredentialUnavailableError,
  type GetTokenOptions,
  type TokenCredential,
} from '@azure/identity';
import type { Clock } from '../../../domain/clock.ts';
import { isWithoutRoom, noRoom } from '../../../domain/errors.ts';
import { withoutMark } from '../../../domain/text.ts';

export interface CliCredentialRequest {
  /** The tenant to sign in to; undefined for the one that is active in az. */
  readonly tenant: string | undefined;
  /** Milliseconds that `az` may take. */
  readonly patience: number;
  readonly clock: Clock;
}

/**
 * Tokens from `az account get-access-token`. Unlike the SDK's own credential, it ignores what az prints around its answer, and it ends an az that hangs,
 * together with the processes that az has started. `getToken` rejects with CredentialUnavailableError.
 */
export function cliCredential(request: CliCredentialRequest): TokenCredential {
  return {
    async getToken(scopes: string | string[], { tenantId, claims, abortSignal }: GetTokenOptions = {}) {
      const scope = [scopes].flat()[0] ?? '';
      if (claims) {
        const challenge = Buffer.from(claims).toString('base64');
        throw new CredentialUnavailableError(`az login --claims-challenge ${challenge} --scope ${scope}`);
      }
      const tenant = tenantId ?? request.tenant;
      const resource = scope.replace(/\/\.default$/, '');
      const words = ['account', 'get-access-token', '--output', 'json', '--resource', resource];
      const { stdout, stderr, code } = await runAz([...words, ...(tenant ? ['--tenant', tenant] : [])], {
        ...request,
        abortSignal,
      });
      const token = code === 0 ? tokenIn(stdout) : undefined;
      if (token) return token;
      throw new CredentialUnavailableError(complaintIn(stderr) || `az gave no token (exit code ${code})`);
    },
  };
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** The most characters kept of each stream; no token is longer. */
const MOST = 1_000_000;

function runAz(
  words: readonly string[],
  {
    patience,
    clock,
    abortSignal,
  }: CliCredentialRequest & { readonly abortSignal: GetTokenOptions['abortSignal'] | undefined },
): Promise<Said> {
  return new Promise((resolve, reject) => {
    // In its own process group, so that az and its children can be ended at once.
    const isWindows = process.platform === 'win32';
    const az = spawn('az', words, { stdio: ['ignore', 'pipe', 'pipe'], detached: !isWindows, shell: isWindows });
    const said = { stdout: '', stderr: '' };
    // If no process could be started there are no streams, whatever the types say.
    for (const name of ['stdout', 'stderr'] as const)
      az[name]?.setEncoding('utf8').on('data', (text: string) => {
        if (said[name].length < MOST) said[name] += text;
      });
    const onExit = () => endAll(az);
    const settle = (then: () => void) => {
      cancel();
      process.off('exit', onExit);
      abortSignal?.removeEventListener('abort', onAbort);
      then();
    };
    const giveUp = (why: string) => {
      endAll(az);
      settle(() => reject(new CredentialUnavailableError(why)));
    };
    const onAbort = () => giveUp('az was interrupted');
    const cancel = clock.schedule(patience, () => giveUp('az took too long'));
    abortSignal?.addEventListener('abort', onAbort);
    process.once('exit', onExit);
    az.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => {
        if (isWithoutRoom(error)) return reject(noRoom(error));
        reject(new CredentialUnavailableError(error.code === 'ENOENT' ? NOT_INSTALLED : error.message));
      }),
    );
    // Processes that az leaves behind may keep its output open.
    az.once('exit', (code) => {
      const done = () => settle(() => resolve({ ...said, code }));
      az.once('close', done);
      clock.schedule(LAST_WORDS, done);
    });
  });
}

const NOT_INSTALLED = 'the Azure CLI (az) is not installed, or not on PATH';
/** Milliseconds to wait for the last output after az has exited. */
const LAST_WORDS = 500;

function endAll({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences start with one
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])/g;

/** Finds the answer among what extensions, plug-ins and new versions print around it. */
function tokenIn(printed: string): AccessToken | undefined {
  const text = withoutMark(printed).replace(ESCAPES, '');
  const ends = [...text.matchAll(/\}/g)]
    .map(({ index }) => index)
    .slice(-TRIES)
    .reverse();
  const starts = [...text.matchAll(/\{/g)].map(({ index }) => index).slice(0, TRIES);
  for (const start of starts)
    for (const end of ends) {
      const token = end > start ? tokenOf(text.slice(start, end + 1)) : undefined;
      if (token) return token;
    }
  return undefined;
}

const TRIES = 20;

function tokenOf(text: string): AccessToken | undefined {
  try {
    const { accessToken, expires_on, expiresOn } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    // `expiresOn` is local time; newer versions also give `expires_on`, in seconds.
    const seconds = Number.parseInt(`${expires_on}`, 10);
    const expiresOnTimestamp = Number.isNaN(seconds) ? new Date(`${expiresOn}`).getTime() : seconds * 1_000;
    if (typeof accessToken !== 'string' || accessToken === '' || Number.isNaN(expiresOnTimestamp)) return undefined;
    return { token: accessToken, expiresOnTimestamp, tokenType: 'Bearer' };
  } catch {
    return undefined;
  }
}

/** What az complains about, without warnings, which are about something else. */
function complaintIn(printed: string): string {
  const lines = withoutMark(printed).replace(ESCAPES, '').split(/\r?\n/);
  const said = lines.filter((line) => line.trim() !== '' && !/^WARNING:/i.test(line));
  return said.map((line) => line.replace(/^ERROR: */, '')).join(' ');
}
