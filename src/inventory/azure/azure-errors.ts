import { formatDuration } from '../../domain/duration.ts';
import { AppError, messageOf } from '../../domain/errors.ts';
import { printable, shorten } from '../../domain/text.ts';

/** A reply of Resource Manager that is not a success. */
export interface RefusedReply {
  readonly status: number;
  readonly body: string;
  /** What was being done: `list the virtual machines of subscription …`. */
  readonly doing: string;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/** The error for a refused reply: Azure's own message, with a code and a hint for what the user can do next. */
export function refusalError({ status, body, doing, retryAfter = 0 }: RefusedReply): AppError {
  const { code, message } = armError(body);
  const reason = shorten(printable(`${code ? `${code}: ` : ''}${message || `HTTP status ${status}`}`), 600);
  const cause = new Error(`HTTP ${status}`);
  if (status === 401)
    return new AppError('not-signed-in', `Azure rejected the sign-in to ${doing}: ${reason}`, {
      cause,
      hint: loginHint(message),
    });
  const text = `Cannot ${doing}: ${reason}`;
  if (status === 404 && code === 'ResourceGroupNotFound')
    return new AppError('usage', text, { cause, hint: 'az group list --output table shows the resource groups' });
  if (status === 404 && code === 'ResourceNotFound' && isAboutVm(doing))
    return new AppError('vm-not-found', text, { cause, hint: 'azlin list --all --refresh shows the VMs there are' });
  if (status === 403 || status === 404) return new AppError('azure-denied', text, { cause, hint: roleHint(doing) });
  const wait = retryAfter > 0 ? `; Azure says to wait ${formatDuration(retryAfter)}` : '';
  return new AppError('azure-failed', `${text}${wait}`, { cause, hint: laterHint(status, doing) });
}

function laterHint(status: number, doing: string): string {
  if (status === 429) return 'Azure is throttling requests; try again later, or raise azure.deadline';
  if (status === 400 && /Resource Graph/.test(doing))
    return 'set inventory.source to "azure" to ask Resource Manager instead';
  return status === 400 ? 'Azure rejected the request; its message says why' : 'try again in a minute';
}

const KINDS: Readonly<Record<string, string>> = {
  virtualmachines: 'virtual machines',
  networkinterfaces: 'network interfaces',
  publicipaddresses: 'public IP addresses',
  bastionhosts: 'Bastions',
  virtualnetworks: 'virtual networks',
};

const SINGLES: Readonly<Record<string, string>> = {
  networkinterfaces: 'network interface',
  publicipaddresses: 'public IP address',
  bastionhosts: 'Bastion',
};

/** What a request to this address is for. */
export function describeRequest(url: string, names: ReadonlyMap<string, string>): string {
  const path = new URL(url).pathname;
  const [, id = '', rest = ''] = /^\/subscriptions\/([^/]+)(.*)/i.exec(path) ?? [];
  const name = names.get(id.toLowerCase());
  const subscription = `subscription ${name === undefined ? id : `"${name}" (${id})`}`;
  const [, of = '', plain, verb] = /^(.*\/virtualMachines\/([^/]+))(?:\/(\w+))?$/i.exec(path) ?? [];
  const vm = plain && (names.get(of.toLowerCase()) ?? plain);
  if (vm && verb === 'start') return `start the VM "${vm}"`;
  if (vm && verb === 'runCommand') return `ask for the host keys of the VM "${vm}"`;
  if (vm && verb === 'deallocate') return `stop the VM "${vm}"`;
  if (vm) return `read the state of the VM "${vm}"`;
  const [, single = '', thing] = /\/(networkInterfaces|publicIPAddresses|bastionHosts)\/([^/]+)$/i.exec(rest) ?? [];
  const named = SINGLES[single.toLowerCase()];
  if (named) return `read the ${named} "${thing}"`;
  const kind = KINDS[/\/providers\/Microsoft\.\w+\/(\w+)$/i.exec(rest)?.[1]?.toLowerCase() ?? ''];
  if (kind) return `list the ${kind} of ${subscription}`;
  if (/Microsoft\.ResourceGraph/i.test(path)) return 'query Azure Resource Graph';
  return id === '' ? 'list the subscriptions' : `follow an operation in ${subscription}`;
}

const isAboutVm = (doing: string) => /^(start|stop|read the state of|ask for the host keys of) the VM/.test(doing);

function roleHint(doing: string): string {
  if (/^(start|stop) /.test(doing)) return 'to start and stop VMs you need the role Virtual Machine Contributor';
  if (/host keys/.test(doing))
    return 'it takes the action Microsoft.Compute/virtualMachines/runCommand/action, as in the role Virtual Machine Contributor';
  return 'az account list --output table shows your subscriptions; to read VMs and addresses you need the role Reader';
}

/** Turns anything that the SDK throws into an AppError. `doing`: what was being done. */
export function azureError(thrown: unknown, doing: string, endpoint: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const { code = '' } = thrown as { code?: string };
  const reason = messageOf(thrown);
  if (code === 'REQUEST_SEND_ERROR' || /^E[A-Z_]+$/.test(code) || /certificate/i.test(reason))
    return unreachableError(thrown, doing, endpoint);
  // The SDK puts the whole reply into the message of this error, so it is not shown.
  const what = code === 'PARSE_ERROR' ? 'it is cut short or not JSON' : shorten(printable(reason), 300);
  return new AppError('azure-failed', `Cannot ${doing}: ${endpoint} sent a reply that azlin cannot read: ${what}`, {
    cause: thrown,
    hint: 'try again; if it happens again, check azure.resource_manager, then report it with --verbose',
  });
}

function armError(body: string): { readonly code: string; readonly message: string } {
  try {
    // Some services write the same fields with a capital letter and without the `error` envelope.
    const reply = JSON.parse(body) as { error?: Record<string, unknown> } & Record<string, unknown>;
    const { code, message, Code, Message, details } = reply.error ?? reply;
    const [detail] = Array.isArray(details) ? (details as { message?: unknown }[]) : [];
    const more = typeof detail?.message === 'string' ? ` (${detail.message})` : '';
    return { code: String(code ?? Code ?? ''), message: `${message ?? Message ?? ''}${more}` };
  } catch {
    return { code: '', message: '' };
  }
}

/** `az login`, for the tenant that the message names. */
export function loginHint(message: string): string {
  const tenant =
    /must match the tenant '[^']*\/([0-9a-f-]{36})/i.exec(message) ?? /--tenant "?([0-9a-f-]{36})/i.exec(message);
  return tenant ? `az login --tenant ${tenant[1]}` : 'az login';
}

function unreachableError(thrown: unknown, doing: string, endpoint: string): AppError {
  const reason = messageOf(thrown);
  const hint = /certificate/i.test(reason)
    ? 'if its certificate was issued by a private CA, set NODE_EXTRA_CA_CERTS to the certificate of that CA'
    : 'check the network, the proxy and azure.resource_manager';
  return new AppError(
    'azure-failed',
    `Cannot ${doing}: cannot reach Azure Resource Manager at ${endpoint}: ${reason}`,
    {
      cause: thrown,
      hint,
    },
  );
}
