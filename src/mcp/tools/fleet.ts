import { z } from 'zod';
import { showScreen } from '../../operations/jobs/logs.ts';
import { listSessions } from '../../operations/sessions/list.ts';
import { knownHostKeys, verifyHostKeys } from '../../operations/vms/host-key.ts';
import { targetStatus } from '../../operations/vms/status.ts';
import { describeTarget } from '../../targets/target.ts';
import { CHANGES, defineTool, LOOKS } from '../tool.ts';
import { knownVms, permitted, vmOf, vmOrSession } from './targets.ts';

const WARNINGS = { warnings: z.array(z.string()) };
const text = z.string().nullable();

export const SSH_LIST = defineTool({
  name: 'ssh_list',
  title: 'List the fleet',
  description:
    'The VMs in scope and the tmux sessions on them, one row for each session or VM without one. A VM that could not be asked has another `probe` than "ok".',
  input: z.object({
    host: z.array(z.string().min(1)).default([]).describe('Patterns of VM names'),
    tag: z.array(z.string().min(1)).default([]).describe('Tags: KEY or KEY=VALUE'),
    all: z.boolean().default(false).describe('Also VMs that do not run'),
    refresh: z.boolean().default(false).describe('Ask Azure and the VMs, whatever is remembered'),
    limit: z.int().min(1).max(10_000).default(1_000).describe('The most rows'),
  }),
  output: z.object({
    rows: z.array(
      z.object({
        server: z.string(),
        session: text,
        friendly_name: text,
        status: z.string(),
        ip: text,
        region: z.string(),
        resource_group: z.string(),
        attached: z.int().nullable(),
        clients: z.array(z.string()),
        owner: text,
        idle_seconds: z.int().nullable(),
        probe: z.string(),
      }),
    ),
    total: z.int().describe('How many rows there are'),
    ...WARNINGS,
  }),
  annotations: LOOKS,
  async run({ host: hosts, tag: tags, all, refresh, limit }, call) {
    const { context, caller, warnings, isHidden } = call;
    const { list: deadline, listWhole: wholeDeadline } = context.limits;
    const request = { all, refresh, tags, hosts, sessions: true, mine: false, deadline, wholeDeadline };
    const { rows, notes, failure } = await listSessions(context.access, request, caller);
    if (failure) throw failure;
    const vmNamed = await knownVms(call);
    const seen = rows.filter(({ hostname, resourceGroup, session }) => {
      const { vm } = vmNamed(hostname.includes('/') ? hostname : `${resourceGroup}/${hostname}`);
      return !isHidden({ hostname, vm, session: session ?? '' });
    });
    return {
      rows: seen.slice(0, limit).map((row) => ({
        ...{ server: row.hostname, session: row.session, friendly_name: row.sessionName, status: row.status },
        ...{ ip: row.ip, region: row.region, resource_group: row.resourceGroup, attached: row.attached },
        ...{ clients: [...row.clients], owner: row.owner, idle_seconds: row.idleSeconds, probe: row.probe },
      })),
      total: seen.length,
      warnings: [...warnings, ...notes],
    };
  },
});

const CLIENT = z.object({ label: text, client: z.string(), idle_seconds: z.int(), read_only: z.boolean() });

export const SSH_STATUS = defineTool({
  name: 'ssh_status',
  title: 'Show a VM',
  description: 'The state of a VM, its sessions, and who is attached to them.',
  input: z.object({
    server: z.string().min(1).describe('VM, address, or vm:session'),
    refresh: z.boolean().default(false).describe('Ask Azure, whatever is remembered'),
  }),
  output: z.object({
    server: z.string(),
    status: text,
    size: text,
    region: text,
    ip: text,
    resource_group: text,
    probe: z.string(),
    reason: text.describe('Why its sessions are not known'),
    sessions: z.array(
      z.object({
        session: z.string(),
        friendly_name: text,
        windows: z.int(),
        activity: text,
        clients: z.array(CLIENT),
      }),
    ),
    ...WARNINGS,
  }),
  annotations: LOOKS,
  async run({ server: named, refresh }, call) {
    const { context, caller, warnings, isHidden } = call;
    const target = await vmOrSession(named, call);
    const found = await targetStatus(context.access, { target, refresh, deadline: context.limits.list }, caller);
    const isSeen = ({ session }: { readonly session: string }) =>
      !isHidden({ hostname: target.hostname, vm: target.vm, session });
    const { hostname: server, status, size, region, ip, resourceGroup, probe, reason, sessions } = found;
    return {
      ...{ server, status, size, region, ip, resource_group: resourceGroup, probe, reason },
      sessions: sessions.filter(isSeen).map((one) => ({
        ...{ session: one.session, friendly_name: one.sessionName, windows: one.windows, activity: one.activityAt },
        clients: one.clients.map(({ label, client, idleSeconds, readOnly }) => ({
          ...{ label, client, idle_seconds: idleSeconds, read_only: readOnly },
        })),
      })),
      warnings: [...warnings],
    };
  },
});

export const SSH_SCREEN = defineTool({
  name: 'ssh_screen',
  title: 'Show a screen',
  description:
    'Returns what the active pane of a tmux session shows, preceded by as many lines of its history as you ask for.',
  input: z.object({
    target: z.string().min(1).describe('vm:session, or the name of a session that only one VM has'),
    history: z.int().min(0).max(10_000).default(0).describe('Lines of history'),
  }),
  output: z.object({ target: z.string(), screen: z.string(), ...WARNINGS }),
  annotations: LOOKS,
  async run({ target: named, history }, call) {
    const { context, caller, warnings } = call;
    const target = await permitted(named, call);
    const screen = await showScreen(context.access, { target, history }, caller);
    return { target: describeTarget(target), screen, warnings: [...warnings] };
  },
});

export const SSH_KEYS = defineTool({
  name: 'ssh_keys',
  title: 'Show host keys',
  description:
    'The host keys that are known of a VM; with verify, Azure is asked for them, and they are compared and pinned.',
  input: z.object({
    server: z.string().min(1).describe('VM, or address'),
    verify: z.boolean().default(false).describe('Ask Azure; takes up to a minute'),
  }),
  output: z.object({
    keys: z.array(z.object({ type: z.string(), fingerprint: z.string(), revoked: z.boolean(), path: z.string() })),
    verified: z.boolean().describe('Whether Azure reports the same'),
    ...WARNINGS,
  }),
  annotations: CHANGES,
  async run({ server, verify }, call) {
    const { context, caller, warnings } = call;
    const { hostname } = await vmOf(server, call);
    const keys = verify
      ? (await verifyHostKeys(context.access, hostname, caller)).keys
      : await knownHostKeys(context.access, hostname, caller);
    const shown = keys.map(({ type, fingerprint, revoked, path }) => ({ type, fingerprint, revoked, path }));
    return { keys: shown, verified: verify, warnings: [...warnings] };
  },
});
