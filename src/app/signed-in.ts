import type { AzureQuestion, Caller } from '../domain/caller.ts';
import { AppError } from '../domain/errors.ts';
import type { Bastion } from '../domain/route.ts';
import { keepSecret } from '../domain/secrets.ts';
import type { BastionGate } from '../transport/bastion/bastion-gate.ts';
import type { EntraCertificates, LoginRefusal } from '../transport/identities/entra.ts';

/*
 * azlin's daemon is not signed in to Azure, and does not get the keys of certificates: it asks whoever wants a connection.
 */

export interface AzureSide {
  readonly bastions: Pick<BastionGate, 'token'>;
  readonly certificates: EntraCertificates;
}

/** The client's side: its answers to the daemon. */
export function answerSignedIn({ bastions, certificates }: AzureSide) {
  return async (question: AzureQuestion, caller: Caller): Promise<string> => {
    switch (question.ask) {
      case 'token':
        return bastions.token(question.bastion, caller);
      case 'certificate':
        return (await certificates.certificate(question.entra, caller)).toString('base64');
      case 'signature': {
        const { algorithm } = question;
        const certificate = Buffer.from(question.certificate, 'base64');
        const data = Buffer.from(question.data, 'base64');
        return (await certificates.sign({ certificate, data, algorithm }, caller)).toString('base64');
      }
      case 'refusal':
        return JSON.stringify(await certificates.refusal(question.entra, question.label, caller));
    }
  };
}

/** The daemon's side: a token for a Bastion. */
export async function tokenThere(bastion: Bastion, caller: Caller): Promise<string> {
  const token = await ask({ ask: 'token', bastion }, caller);
  keepSecret(token);
  return token;
}

/** The daemon's side: certificates and signatures. */
export const certificatesThere: EntraCertificates = {
  certificate: async (entra, caller) => Buffer.from(await ask({ ask: 'certificate', entra }, caller), 'base64'),
  async sign({ certificate, data, algorithm }, caller) {
    const [its, what] = [certificate.toString('base64'), data.toString('base64')];
    return Buffer.from(await ask({ ask: 'signature', certificate: its, data: what, algorithm }, caller), 'base64');
  },
  refusal: async (entra, label, caller) =>
    JSON.parse(await ask({ ask: 'refusal', entra, label }, caller)) as LoginRefusal,
};

async function ask(question: AzureQuestion, { askSignedIn }: Caller): Promise<string> {
  if (askSignedIn) return askSignedIn(question);
  throw new AppError('not-signed-in', "no client that is signed in to Azure is connected to azlin's daemon");
}
