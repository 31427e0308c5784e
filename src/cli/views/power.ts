import { printable } from '../../domain/text.ts';
import type { PowerRow } from '../../operations/vms/power.ts';
import type { View } from '../command.ts';

/** `azlin start` and `azlin stop`: a line for each VM that was changed. */
export const powerView: View<readonly PowerRow[]> = {
  text: (rows) =>
    rows
      .map(
        ({ hostname, status, ip }) =>
          `${printable(hostname)}: ${status}${status === 'Running' && ip ? ` (${printable(ip)})` : ''}\n`,
      )
      .join(''),
  records: (rows) => rows,
  fields: ['hostname', 'status', 'ip', 'resourceGroup', 'subscriptionId'],
};
