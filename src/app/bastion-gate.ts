import { AppError } from '../domain/errors.ts';
import type { BastionAccess } from '../inventory/azure/bastion/bastion-access.ts';
import type { WebAgents } from '../inventory/azure/web/web-agents.ts';
import type { BastionGate } from '../transport/bastion/bastion-gate.ts';
import type { BastionPlaces } from '../transport/bastion/bastion-places.ts';
import { tokenThere } from './signed-in.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Agents = Pick<BastionGate, 'agentFor'>;

/** What a process that is signed in to Azure itself needs to go through Bastions. Everything is loaded when the first one is used. */
export function bastionGate(
  load: () => Promise<BastionAccess>,
  environment: Environment,
  places: BastionPlaces,
): BastionGate {
  let loaded: Promise<BastionAccess> | undefined;
  const access = () => {
    loaded ??= load();
    return loaded;
  };
  return {
    places,
    ...agentsOf(environment),
    find: async (id, caller) => (await access()).find(id, caller),
    token: async (bastion, caller) => (await access()).token(bastion, caller),
  };
}

/** For azlin's daemon: only the caller is signed in. `environment`: how the caller's requests leave the machine. */
export function bastionGateThere(environment: Environment, places: BastionPlaces): BastionGate {
  return {
    places,
    ...agentsOf(environment),
    async find() {
      throw new AppError('bug', 'the Bastion is not known to the daemon');
    },
    token: tokenThere,
  };
}

function agentsOf(environment: Environment): Agents {
  const made = new Map<string, Promise<WebAgents>>();
  return {
    async agentFor(target, use) {
      const agents =
        made.get(use) ?? import('../inventory/azure/web/web-agents.ts').then(({ webAgents }) => webAgents(environment));
      made.set(use, agents);
      const { agent, proxy } = await (await agents).agentFor(target);
      return { agent, proxy: proxy && `${proxy.shown} (set by ${proxy.variable})` };
    },
  };
}
