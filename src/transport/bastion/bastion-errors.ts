import { AppError } from '../../domain/errors.ts';
import { type Bastion, groupOf } from '../../domain/route.ts';
import { printable, shorten } from '../../domain/text.ts';

const NODE_TROUBLE = 'NodeTrouble';

/** A node of the Bastion is in trouble. Another one may do better. */
export function nodeTrouble(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { name: NODE_TROUBLE });
}

export const isNodeTrouble = (error: unknown): error is Error => error instanceof Error && error.name === NODE_TROUBLE;

/** The error for a refusal of the Bastion's web server, or trouble of a node that may be over the next time. */
export function refusedBy(bastion: Bastion, status: number, body: string): Error {
  const said = shorten(printable(messageIn(body)), 300);
  const why = said === '' ? `HTTP status ${status}` : said;
  const { name, tenant } = bastion;
  if (/tunneling is disabled/i.test(said))
    return new AppError('config', 'it has tunnels switched off', {
      hint: `az network bastion update --name ${name} --resource-group ${groupOf(bastion)} --enable-tunneling`,
    });
  if (status === 403 || /AuthorizationFailed/i.test(said))
    return new AppError('azure-denied', `you may not use it: ${why}`, {
      hint: 'it takes the role Reader on the VM, its network interface and the Bastion, and on its virtual network where that is peered',
    });
  if (status === 401)
    return new AppError('azure-denied', `it does not accept the token: ${why}`, {
      hint: `sign in to the tenant of the Bastion: az login${tenant === null ? '' : ` --tenant ${tenant}`}`,
    });
  if (status >= 500 || status === 429) return nodeTrouble(why);
  return new AppError('unreachable', why, { hint: `az network bastion show --ids ${bastion.id}` });
}

function messageIn(body: string): string {
  try {
    const { message, error } = JSON.parse(body) as { message?: unknown; error?: { message?: unknown } };
    return String(message ?? error?.message ?? '');
  } catch {
    return /^[\w .,:;'"()-]{1,200}$/.test(body.trim()) ? body.trim() : '';
  }
}
