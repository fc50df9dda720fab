import type { INestApplicationContext } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { AccountOwner } from '#platform/identity-tables';
import type { BrokerSim } from '../../broker-sim/src/sim';
import { Connections } from '../../command/src/connections';
import { ADAPTERS, type Adapters } from '../../command/src/connections.controller';
import { LiveAccounts } from '../../command/src/live-accounts';
import type { DemoCredentials } from './demo-trader';

/** What the demo trader may trade through, besides paper. */
export interface DemoConnections {
  readonly accountId: string;
  readonly brokers: readonly BrokerName[];
  readonly simUrl: string;
}

/**
 * Connects the demo trader to every simulated broker, by the way that everybody goes. Again at each start: the simulator
 * keeps nothing, and its sessions end with it.
 */
export const demoConnections = async (
  dataSource: DataSource,
  { accountId: paperAccountId }: DemoCredentials,
  sim: BrokerSim | undefined,
  app: INestApplicationContext,
): Promise<DemoConnections | undefined> => {
  if (!sim) return undefined;
  const { userId } = await dataSource.manager.findOneByOrFail(AccountOwner, { accountId: paperAccountId });
  const adapters = app.get<Adapters>(ADAPTERS);
  const accounts = app.get(LiveAccounts);
  const connections = app.get(Connections);
  const brokers = BROKER_NAMES.filter((name) => connections.urlOf(name) === sim.baseUrls[name]);
  let accountId = '';
  for (const broker of brokers) {
    const { credentials: given } = sim.control.addClient({ broker, clientId: clientIdOf(userId) });
    const credentials = adapters[broker].readCredentials(given);
    const found = await accounts.look(userId, undefined, { broker, credentials });
    await connections.connect({ userId, accountId: found.accountId, broker, credentials });
    await accounts.enter(userId, broker, found);
    accountId = found.accountId;
  }
  return { accountId, brokers, simUrl: sim.controlUrl };
};

/** The same client at every start: a connection belongs to one. */
const clientIdOf = (userId: string): string => `D${userId.replaceAll('-', '').slice(0, 9).toUpperCase()}`;
