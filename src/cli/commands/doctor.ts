import { join } from 'node:path';
import { exitCodeOf } from '../../domain/error-traits.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { diagnose } from '../../operations/doctor/doctor.ts';
import { failedCheck } from '../../operations/doctor/findings.ts';
import { defineCommand } from '../command.ts';
import { SCOPE_OPTIONS, SSH_OPTIONS } from '../line/options.ts';
import { doctorView } from '../views/doctor.ts';
import { withRegistry } from '../with-registry.ts';

export const doctor = defineCommand({
  usage: '[host]',
  positionals: { host: 'A VM or an address; without one, only this machine is checked' },
  examples: [
    { line: 'azlin doctor', does: 'settings, sign-in, inventory, keys' },
    { line: 'azlin doctor myvm', does: 'also the connection to the VM and what azlin needs there' },
    { line: 'azlin doctor myvm --format json', does: 'for programs' },
  ],
  seeAlso: ['config', 'host-key'],
  options: { ...SCOPE_OPTIONS, ...SSH_OPTIONS },
  async run(call) {
    const { positionals, access, config, caller } = call;
    const fleet = await access().catch((error: unknown) => toAppError(error));
    // azlin cannot even start with these settings.
    if (fleet instanceof AppError) return { data: [failedCheck('settings', fleet)], exitCode: exitCodeOf(fleet.code) };
    const files = {
      config: { ...config.file, context: config.context },
      variables: config.variables,
      sshConfig: fleet.settings.sshConfig,
      knownHosts: join(config.home, 'known_hosts'),
      source: config.inventory,
    };
    return withRegistry(call, async (registry) => {
      const request = { host: positionals['host'], files, registry };
      const { checks, failedWith } = await diagnose(fleet, request, caller);
      return { data: checks, exitCode: failedWith === undefined ? 0 : exitCodeOf(failedWith) };
    });
  },
  view: doctorView,
});
