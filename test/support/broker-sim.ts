/** The simulated brokers in a process of their own: they outlive the coordinator, and keep the truth. */
import { request } from 'undici';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import type { FaultKind } from '../../apps/broker-sim/src/faults';
import { AppProcess, type Ended } from './app-process';
import { jsonIn, listIn, partOf } from './deployment';

const CONTROL_TIMEOUT_MS = 30_000;

/** A client of one simulated broker, with a session. */
export interface SimSession {
  readonly broker: BrokerName;
  readonly clientId: string;
  readonly credentials: unknown;
}

export interface SimTrade {
  readonly tradeId: string;
  readonly quantity: number;
  readonly price: number;
}

/** An order that a simulated broker really took, whatever it told anybody. */
export interface TrueOrder {
  readonly broker: BrokerName;
  readonly clientId: string;
  readonly brokerOrderId: string;
  readonly tag: string | null;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: number;
  readonly price: number;
  readonly state: 'open' | 'trigger-wait' | 'complete' | 'cancelled' | 'rejected';
  readonly filledQuantity: number;
  readonly trades: readonly SimTrade[];
  readonly placedAtMs: number;
}

export interface FaultToSet {
  readonly kind: FaultKind;
  readonly broker?: BrokerName;
  readonly operation?: string;
  readonly clientId?: string;
  readonly count?: number;
  readonly probability?: number;
  readonly delayMs?: number;
  readonly forMs?: number;
}

export class BrokerSim {
  private readonly process: AppProcess;
  private controlUrl = '';
  private baseUrls: ReadonlyMap<BrokerName, string> = new Map();

  constructor(environment: Readonly<Record<string, string>> = {}) {
    // It says where it listens as information.
    this.process = new AppProcess('broker-sim', { LOG_LEVEL: 'info', BROKER_SIM_PORT: '0', ...environment });
  }

  async start(): Promise<void> {
    this.controlUrl = await this.process.start((stdout) => /"controlUrl":"(http[^"]+)"/.exec(stdout)?.[1]);
    const told = partOf(await this.call('GET', '/_sim'), 'baseUrls');
    this.baseUrls = new Map(BROKER_NAMES.map((broker) => [broker, String(partOf(told, broker))]));
  }

  async stop(): Promise<Ended | undefined> {
    return this.process.isRunning ? this.process.stop() : undefined;
  }

  /** Tells a coordinator to find its brokers here. */
  environment(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.baseUrls].map(([broker, url]) => [`${broker.toUpperCase()}_URL`, url]));
  }

  /** `ordersPerSecond` instead of what the broker lets everybody do. */
  async addClient(terms: {
    readonly broker: BrokerName;
    readonly clientId?: string;
    readonly fundsRupees?: number;
    readonly ordersPerSecond?: number;
  }): Promise<SimSession> {
    return sessionIn(terms.broker, await this.call('POST', '/_sim/clients', terms));
  }

  /** Logs a client in again, which ends the session it had. */
  async newSession({ broker, clientId }: Pick<SimSession, 'broker' | 'clientId'>): Promise<SimSession> {
    return sessionIn(broker, await this.call('POST', `/_sim/clients/${clientId}/session`, { broker }));
  }

  async setFault(fault: FaultToSet): Promise<void> {
    await this.call('POST', '/_sim/faults', fault);
  }

  /** How often each rule that is in force has struck. */
  async struck(): Promise<readonly { readonly kind: FaultKind; readonly struck: number }[]> {
    const { faults } = (await this.call('GET', '/_sim/faults')) as {
      faults: readonly { kind: FaultKind; struck: number }[];
    };
    return faults;
  }

  /** From now on all goes well, and whoever was down is back. */
  async clearFaults(): Promise<void> {
    await this.call('DELETE', '/_sim/faults');
  }

  async reseed(seed: number): Promise<void> {
    await this.call('POST', '/_sim/seed', { seed });
  }

  /** @throws Error when the simulator has forgotten orders: then there is no truth. */
  async orders(): Promise<readonly TrueOrder[]> {
    const told = await this.call('GET', '/_sim/orders');
    if (partOf(told, 'forgotten') !== 0) throw new Error('the simulator has forgotten orders');
    return listIn(told, 'orders') as readonly TrueOrder[];
  }

  /** How many requests of a kind a broker has had. */
  async requests(broker: BrokerName, operation: string): Promise<number> {
    const counts = listIn(await this.call('GET', '/_sim/requests'), 'counts');
    const row = counts.find((one) => partOf(one, 'broker') === broker && partOf(one, 'operation') === operation);
    return Number(partOf(row, 'requests') ?? 0);
  }

  private async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    const answer = await request(`${this.controlUrl}${path}`, {
      method,
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${String(answer.statusCode)} ${text}`);
    return jsonIn(text);
  }
}

const sessionIn = (broker: BrokerName, told: unknown): SimSession => ({
  broker,
  clientId: String(partOf(told, 'clientId')),
  credentials: partOf(told, 'credentials'),
});
