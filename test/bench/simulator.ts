import { BROKER_NAMES, type BrokerName, type Credentials } from '#brokers/client';
import { startApp } from './app';
import type { Cleanup } from './cleanup';

/** Nothing moves while it is measured: orders rest, and prices are not sent. */
const TICK_MS = 3_600_000;
const ANSWER_TIMEOUT_MS = 30_000;

/** What a broker would let nobody do: it is not the simulator's limits that are measured. */
const ORDERS_PER_SECOND = 1_000_000;
/** More than a run spends. */
const FUNDS_RUPEES = 10_000_000_000;

export interface SimulatorClient {
  readonly clientId: string;
  readonly credentials: Credentials;
}

/** The simulated brokers, in a process of their own. */
export interface Simulator {
  readonly pid: number;
  readonly brokerUrls: Readonly<Record<BrokerName, string>>;
  newClient(broker: BrokerName): Promise<SimulatorClient>;
  /** How many order feeds and price feeds are open. */
  openSockets(): Promise<number>;
  /** Orders that a broker took and holds, of the clients named. @throws Error when it has forgotten some. */
  ordersOf(broker: BrokerName, clientIds: ReadonlySet<string>): Promise<number>;
}

export const startSimulator = async (
  cleanup: Cleanup,
  { folder, url }: { readonly folder: string; readonly url: string },
): Promise<Simulator> => {
  const app = await startApp(cleanup, {
    app: 'broker-sim',
    name: 'broker-sim',
    folder,
    databaseUrl: url,
    ports: [],
    // It says where it listens as information.
    environment: { BROKER_SIM_PORT: '0', SIM_TICK_MS: String(TICK_MS), LOG_LEVEL: 'info' },
  });
  const controlUrl = await app.says(/"controlUrl":"(http[^"]+)"/);

  const call = async <Told>(method: 'GET' | 'POST', path: string, body?: object): Promise<Told> => {
    const answer = await fetch(`${controlUrl}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${String(answer.status)} ${text}`);
    return JSON.parse(text) as Told;
  };
  const overview = () =>
    call<{
      readonly baseUrls: Readonly<Record<BrokerName, string>>;
      readonly sockets: Readonly<Record<BrokerName, number>>;
    }>('GET', '/_sim');

  return {
    pid: app.pid,
    brokerUrls: (await overview()).baseUrls,
    newClient: (broker) =>
      call('POST', '/_sim/clients', { broker, fundsRupees: FUNDS_RUPEES, ordersPerSecond: ORDERS_PER_SECOND }),
    openSockets: async () => {
      const { sockets } = await overview();
      return BROKER_NAMES.reduce((sum, name) => sum + sockets[name], 0);
    },
    ordersOf: async (broker, clientIds) => {
      const { orders, forgotten } = await call<{
        readonly orders: readonly { readonly clientId: string; readonly state: string }[];
        readonly forgotten: number;
      }>('GET', `/_sim/orders?broker=${broker}`);
      if (forgotten > 0) throw new Error('the simulator has forgotten orders');
      return orders.filter(({ clientId, state }) => clientIds.has(clientId) && state !== 'rejected').length;
    },
  };
};
