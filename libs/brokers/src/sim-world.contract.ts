/** The stage of the specs over the wire: clients of the simulated brokers, and a way to ask what really happened there. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEMO_DAY } from '#instruments/demo-data';
import type { FaultRule } from '../../../apps/broker-sim/src/faults';
import { loadSimMarket, type SimMarketData } from '../../../apps/broker-sim/src/market';
import { eventually, type SimInSpec, startSimInSpec } from '../../../apps/broker-sim/src/sim-in-spec';
import { adapters } from './adapters';
import { instrumentsOf } from './broker-instruments';
import { type Capabilities, capabilitiesAt } from './capabilities';
import type {
  BrokerAdapter,
  BrokerClient,
  BrokerInstrument,
  BrokerInstruments,
  BrokerName,
  Credentials,
  OrderToSend,
} from './client';

/** An order as the simulator's book really has it; prices in rupees. */
export interface TrueOrder {
  readonly brokerOrderId: string;
  readonly tag: string | null;
  readonly instrumentKey: string;
  readonly side: string;
  readonly orderType: string;
  readonly validity: string;
  readonly quantity: number;
  readonly price: number;
  readonly triggerPrice: number;
  readonly state: 'open' | 'trigger-wait' | 'complete' | 'cancelled' | 'rejected';
  readonly filledQuantity: number;
  readonly trades: readonly { readonly tradeId: string; readonly quantity: number; readonly price: number }[];
}

export interface OpenOptions {
  readonly credentials?: Credentials;
  readonly timeoutMs?: number;
  readonly baseUrl?: string;
  /** Where news of orders is looked for, if not at the broker. */
  readonly orderFeed?: string;
}

/** One client of one simulated broker, whose market stands still at the open unless it is asked to move. */
export interface ClientWorld {
  readonly adapter: BrokerAdapter;
  readonly capabilities: Capabilities;
  readonly clientId: string;
  readonly baseUrl: string;
  /** As a new session has them. */
  readonly credentials: Credentials;
  readonly instruments: BrokerInstruments;
  /** 1580.00 at the open, and more to be had than anybody here wants. */
  readonly share: BrokerInstrument;
  /** 3624.60 at the open, 10 to be had in a tick. */
  readonly thin: BrokerInstrument;
  /** In lots of 65, where this broker lists it in the files that are loaded. */
  readonly contract: BrokerInstrument | undefined;
  open(options?: OpenOptions): BrokerClient;
  fault(rule: Omit<FaultRule, 'broker' | 'clientId'>): Promise<void>;
  /** As `fault`, for the broker and all its clients. */
  faultForAll(rule: Omit<FaultRule, 'broker' | 'clientId'>): Promise<void>;
  /** Until everything is well again. */
  heal(): Promise<void>;
  truth(): Promise<readonly TrueOrder[]>;
  /** How often this broker was asked something. */
  asked(operation: string): Promise<number>;
  /** Calls that were too many in their second, of all clients. */
  breaches(): Promise<number>;
  /** Bodies of the postbacks so far, oldest first. */
  readonly postbacks: readonly string[];
  stop(): Promise<void>;
}

export const SHARE = 'NSE_EQ|INE002A01018';
export const THIN = 'NSE_EQ|INE459A01010';
const CONTRACT = 'NSE_FO|49229';

export interface SimStage {
  readonly market: SimMarketData;
  world(broker: BrokerName, terms?: { fundsRupees?: number; ordersPerSecond?: number }): Promise<ClientWorld>;
  stop(): Promise<void>;
}

/** One simulator for a whole file. @param tickMs Length of a tick; without it the market stands still. */
export const openStage = async (tickMs?: number): Promise<SimStage> => {
  const market = await loadSimMarket({});
  const spec = await startSimInSpec({ market, ...(tickMs !== undefined && { tickMs }) });
  return {
    market,
    world: (broker, terms = {}) => worldOf(spec, market, broker, terms),
    stop: () => spec.stop(),
  };
};

const worldOf = async (
  spec: SimInSpec,
  { catalogue }: SimMarketData,
  broker: BrokerName,
  { fundsRupees = 100_000_000, ordersPerSecond = 1_000 }: { fundsRupees?: number; ordersPerSecond?: number },
): Promise<ClientWorld> => {
  const postbacks: string[] = [];
  const mailbox = await openMailbox(postbacks);
  const client = spec.sim.control.addClient({
    broker,
    fundsRupees,
    // Zero stands for what the broker allows everybody.
    ...(ordersPerSecond > 0 && { ordersPerSecond }),
    postbackUrl: `http://127.0.0.1:${String((mailbox.address() as AddressInfo).port)}/`,
  });
  const adapter = adapters[broker];
  const credentials = adapter.readCredentials(client.credentials);
  const instruments = instrumentsOf(broker, catalogue);
  const listed = (instrumentKey: string): BrokerInstrument => {
    const found = instruments.of(instrumentKey);
    if (!found) throw new Error(`${broker} does not list ${instrumentKey}`);
    return found;
  };
  const setFault = async (rule: object): Promise<void> => {
    expect(await spec.control('POST', '/_sim/faults', { broker, ...rule })).toMatchObject({ status: 201 });
  };
  const requests = async () =>
    (await spec.control('GET', '/_sim/requests')).body as {
      counts: { broker: string; operation: string; requests: number }[];
      breachCount: number;
    };
  return {
    adapter,
    capabilities: capabilitiesAt(broker, DEMO_DAY),
    clientId: client.clientId,
    baseUrl: client.baseUrl,
    credentials,
    instruments,
    share: listed(SHARE),
    thin: listed(THIN),
    contract: instruments.of(CONTRACT),
    open: ({ credentials: other = credentials, timeoutMs = 5_000, baseUrl = client.baseUrl, orderFeed } = {}) =>
      adapter.open({
        endpoints: { ...adapter.endpoints(baseUrl), ...(orderFeed !== undefined && { orderFeed }) },
        credentials: other,
        instruments,
        timeoutMs,
        now: () => Date.now(),
      }),
    fault: (rule) => setFault({ ...rule, clientId: client.clientId }),
    faultForAll: (rule) => setFault(rule),
    heal: async () => {
      await spec.control('DELETE', '/_sim/faults');
      await eventually(`${broker} listens`, async () => {
        const { listening } = (await spec.control('GET', '/_sim')).body as { listening: Record<string, boolean> };
        return listening[broker] === true ? true : undefined;
      });
    },
    truth: async () => {
      const { body } = await spec.control('GET', `/_sim/orders?broker=${broker}&clientId=${client.clientId}`);
      return (body as { orders: TrueOrder[] }).orders;
    },
    asked: async (operation) =>
      (await requests()).counts.find((each) => each.broker === broker && each.operation === operation)?.requests ?? 0,
    breaches: async () => (await requests()).breachCount,
    postbacks,
    stop: async () => {
      await spec.control('DELETE', '/_sim/faults');
      mailbox.closeAllConnections();
      mailbox.close();
      await once(mailbox, 'close');
    },
  };
};

const openMailbox = async (bodies: string[]): Promise<Server> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString('utf8'));
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

/** Ten shares far below the market: they rest. */
export const resting = (instrument: BrokerInstrument, tag: string): OrderToSend => ({
  instrument,
  side: 'BUY',
  product: 'CNC',
  terms: { orderType: 'LIMIT', quantity: 10, priceE4: 14_000_000, validity: 'DAY' },
  tag,
});
