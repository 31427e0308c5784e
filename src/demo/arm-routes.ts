import { forbidden, type Reply, refusal } from './arm-faults.ts';
import { graphReply } from './arm-graph.ts';
import type { Operations } from './arm-operations.ts';
import {
  type DemoSubscription,
  type DemoVm,
  instanceView,
  networkResourcesOf,
  type Resource,
  resourcesOf,
  virtualMachine,
  withExtensions,
  withInstanceView,
} from './arm-resources.ts';

export interface ArmQuestion {
  readonly request: {
    readonly subscriptions: readonly DemoSubscription[];
    readonly pageSize: number;
    readonly runCommand: (vm: DemoVm, script: string) => Promise<string>;
  };
  readonly operations: Operations;
  /** The URL of this server. */
  readonly base: string;
  readonly method: string;
  readonly pathname: string;
  readonly searchParams: URLSearchParams;
  readonly body: string;
}

/** What Resource Manager answers to somebody who is signed in. */
export function armReply(question: ArmQuestion): Reply {
  const { request, method, pathname, body } = question;
  if (/^\/subscriptions\/?$/i.test(pathname))
    return { status: 200, body: { value: request.subscriptions.map(described) } };
  if (/^\/tenants\/?$/i.test(pathname)) return { status: 200, body: { value: [{ tenantId: TENANT }] } };
  if (method === 'POST' && /^\/providers\/Microsoft\.ResourceGraph\/resources$/i.test(pathname))
    return graphReply({ subscriptions: request.subscriptions, body: JSON.parse(body) });
  const [, id = '', rest = ''] = /^\/subscriptions\/([^/]+)(.*)/i.exec(pathname) ?? [];
  const subscription = request.subscriptions.find((one) => one.id.toLowerCase() === id.toLowerCase());
  if (!subscription) return refusal(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`);
  if (rest === '') return { status: 200, body: described(subscription) };
  if (subscription.closed) return forbidden(id, `${TYPED.exec(rest)?.[2] ?? 'resources'}/read`);
  return operationReply(question, rest) ?? resourceReply(question, subscription, rest);
}

const TENANT = '22222222-3333-4444-5555-666666666666';

function described({ id, name }: DemoSubscription): object {
  return { id: `/subscriptions/${id}`, subscriptionId: id, tenantId: TENANT, displayName: name, state: 'Enabled' };
}

function operationReply({ operations, searchParams }: ArmQuestion, rest: string): Reply | undefined {
  const id = /\/operations\/([^/]+)$/i.exec(rest)?.[1];
  const reply = id === undefined ? undefined : operations.progress(id);
  if (!reply || searchParams.get('monitor') !== 'true') return reply;
  const isDone = (reply.body as { status: string }).status !== 'InProgress';
  return { ...reply, status: isDone ? 200 : 202, body: id === undefined ? undefined : operations.output(id) };
}

const TYPED = /^(?:\/resourceGroups\/([^/]+))?\/providers\/(Microsoft\.\w+\/\w+)(?:\/([^/]+)(?:\/(\w+))?)?$/i;

function resourceReply(question: ArmQuestion, subscription: DemoSubscription, rest: string): Reply {
  const [, group, type = '', name, verb] = TYPED.exec(rest) ?? [];
  const inNetworks = networkResourcesOf(type, subscription.networks ?? []);
  if (inNetworks)
    return name === undefined ? { status: 200, body: { value: inNetworks } } : namedReply(inNetworks, type, name);
  const isNetwork = /^Microsoft\.Network\//i.test(type);
  const groupOf = ({ resourceGroup, networkGroup = resourceGroup }: DemoVm) =>
    isNetwork ? networkGroup : resourceGroup;
  const isIn = (name: string) => name.toLowerCase() === group?.toLowerCase();
  const vms = subscription.vms.filter((vm) => group === undefined || isIn(groupOf(vm)));
  const isKnown = subscription.vms.some(
    ({ resourceGroup, networkGroup = '' }) => isIn(resourceGroup) || isIn(networkGroup),
  );
  if (group !== undefined && !isKnown)
    return refusal(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
  if (name !== undefined && /^Microsoft\.Compute\/virtualMachines$/i.test(type)) {
    const vm = vms.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return vm ? vmReply({ question, subscription, vm, verb }) : namedReply([], type, name);
  }
  if (name !== undefined) return namedReply(resourcesOf(type, subscription.id, vms) ?? [], type, name);
  const isWithStates = group === undefined && question.searchParams.get('statusOnly') === 'true';
  return listReply({ question, subscription, type, vms, isWithStates });
}

function namedReply(resources: readonly Resource[], type: string, name: string): Reply {
  const found = resources.find((one) => String(one['name']).toLowerCase() === name.toLowerCase());
  return found
    ? { status: 200, body: found }
    : refusal(404, 'ResourceNotFound', `The Resource '${type}/${name}' was not found.`);
}

interface VmQuestion {
  readonly question: ArmQuestion;
  readonly subscription: DemoSubscription;
  readonly vm: DemoVm;
  readonly verb: string | undefined;
}

function vmReply({ question, subscription, vm, verb }: VmQuestion): Reply {
  const { method, operations, searchParams, request, body } = question;
  const order = `${method} ${verb ?? ''}`;
  if (order === 'POST restart' && vm.powerState !== 'running')
    return refusal(409, 'OperationNotAllowed', `The VM '${vm.name}' is not running, so it cannot be restarted.`);
  if (method === 'POST' && (verb === 'start' || verb === 'deallocate' || verb === 'restart'))
    return operations.begin(verb, subscription, vm);
  if (order === 'POST runCommand') {
    const { script } = JSON.parse(body) as { script: readonly string[] };
    return operations.run(subscription, () => request.runCommand(vm, script.join('\n')));
  }
  if (order === 'GET instanceView') return { status: 200, body: instanceView(vm) };
  const plain = withExtensions(virtualMachine(subscription.id, vm), vm);
  const expand = searchParams.get('$expand')?.toLowerCase() === 'instanceview';
  if (order === 'GET ') return { status: 200, body: expand ? withInstanceView(plain, vm) : plain };
  return refusal(405, 'MethodNotAllowed', `${method} is not supported by this demo.`);
}

interface ListQuestion {
  readonly question: ArmQuestion;
  readonly subscription: DemoSubscription;
  readonly type: string;
  readonly vms: readonly DemoVm[];
  readonly isWithStates: boolean;
}

/** A page of a list. Its size counts VMs, so a page of addresses is shorter if some VMs have none; Azure's pages may have any length too. */
function listReply({ question, subscription, type, vms, isWithStates }: ListQuestion): Reply {
  const { request, base, pathname, searchParams } = question;
  const from = Number(searchParams.get('$skiptoken') ?? 0);
  const to = from + request.pageSize;
  const page = vms.slice(from, to);
  const resources = resourcesOf(type, subscription.id, page);
  if (!resources) return refusal(404, 'InvalidResourceType', `The resource type '${type}' could not be found.`);
  const value = isWithStates ? resources.map((one, index) => withInstanceView(one, page[index] as DemoVm)) : resources;
  searchParams.set('$skiptoken', String(to));
  const more = to < vms.length ? { nextLink: `${base}${pathname}?${searchParams}` } : {};
  return { status: 200, body: { value, ...more } };
}
