/** People with accounts at simulated brokers, who log in again whenever a session is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { openPool } from '#read-models/pool';
import type { BrokerSim, SimSession } from './broker-sim';
import { type Answer, type Ask, type Deployment, listIn, partOf } from './deployment';

/** So long somebody asks, over any number of kills. */
const PATIENCE_MS = 120_000;
const ASK_AGAIN_MS = 50;
const LOOK_AT_SESSIONS_MS = 400;
const PASSWORD = 'correct horse battery';

export interface LiveTrader {
  readonly name: string;
  readonly apiKey: string;
  /** The account that trades at the brokers. */
  readonly accountId: string;
  readonly sessions: Map<BrokerName, SimSession>;
}

export interface Terms {
  readonly fundsRupees?: number;
  readonly ordersPerSecond?: number;
  /** In this order; the first becomes the account's own. */
  readonly brokers?: readonly BrokerName[];
}

export class LiveTraders {
  readonly all: LiveTrader[] = [];
  /** Sessions that were over and were opened again. */
  loggedInAgain = 0;
  private isOver = false;
  private watching: Promise<void> | undefined;

  constructor(
    private readonly deployment: Deployment,
    private readonly sim: BrokerSim,
  ) {}

  /** Registers somebody and connects them to the brokers. */
  async join(name: string, { brokers = BROKER_NAMES, ...terms }: Terms = {}): Promise<LiveTrader> {
    const registered = await this.register(name);
    const apiKey = String(partOf(registered, 'apiKey'));
    const sessions = new Map<BrokerName, SimSession>();
    let accountId = '';
    for (const broker of brokers) {
      const session = await this.sim.addClient({ broker, ...terms });
      sessions.set(broker, session);
      const connected = await this.connect(apiKey, session);
      if (connected.status !== 200) throw new Error(`${name} at ${broker}: ${connected.text}`);
      accountId = String(partOf(connected.body, 'accountId'));
    }
    const trader = { name, apiKey, accountId, sessions };
    this.all.push(trader);
    return trader;
  }

  /** Registers somebody who may set what holds for the whole house. Resolves with the key. */
  async admin(name: string): Promise<string> {
    const registered = await this.register(name);
    // Nobody becomes an admin over HTTP. The key has not been used yet, so nobody remembers who it was.
    const pool = openPool(await this.deployment.databaseUrl(), {
      name: 'story',
      max: 1,
      statementTimeoutMs: 10_000,
      onTrouble: () => undefined,
    });
    try {
      await pool.query(`update users set role = 'admin' where id = $1`, [partOf(registered, 'userId')]);
    } finally {
      await pool.end();
    }
    return String(partOf(registered, 'apiKey'));
  }

  /** Asks until there is an answer of those that are final, as a client with a key may. */
  async untilAnswered(method: string, path: string, ask: Ask, final: readonly number[]): Promise<Answer> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.deployment.command(method, path, ask).catch((error: unknown) => {
        if (this.isOver || Date.now() > giveUpAt) throw error;
        return undefined; // the connection was refused or cut
      });
      if (answer) {
        if (final.includes(answer.status) && partOf(answer.body, 'code') !== 'INTENT_IN_PROGRESS') return answer;
        const isBusy = answer.status === 503 || partOf(answer.body, 'code') === 'INTENT_IN_PROGRESS';
        if (!isBusy || this.isOver || Date.now() > giveUpAt)
          throw new Error(`${method} ${path}: ${String(answer.status)} ${answer.text}`);
      }
      await sleep(ASK_AGAIN_MS);
    }
  }

  /** Of an order, as the book has it, which may be a moment old; `undefined` while the book does not have it. */
  async versionOf({ apiKey }: LiveTrader, orderId: string): Promise<string | undefined> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const { headers } = await this.deployment.query(`/v2/orders/${orderId}`, { headers: { 'X-Api-Key': apiKey } });
        return headers.get('etag') ?? undefined;
      } catch (error) {
        if (this.isOver || Date.now() > giveUpAt) throw error;
        await sleep(ASK_AGAIN_MS);
      }
    }
  }

  /** From now on whoever is asked to log in again does. */
  watchSessions(): void {
    this.watching = this.watch();
    this.watching.catch(() => undefined); // told by `end`
  }

  /** Nobody waits for anything any more. @throws what logging in again failed with. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.watching;
  }

  private async watch(): Promise<void> {
    while (!this.isOver) {
      await Promise.all(this.all.map((trader) => this.lookAfter(trader)));
      await sleep(LOOK_AT_SESSIONS_MS * Math.max(1, this.all.length / 6)); // no more questions of more people
    }
  }

  private async lookAfter({ name, apiKey, accountId, sessions }: LiveTrader): Promise<void> {
    const ask = { headers: { 'X-Api-Key': apiKey } };
    const answer = await this.deployment.command('GET', '/broker/connections', ask).catch(() => undefined);
    if (answer?.status !== 200) return; // nobody is there just now
    for (const view of listIn(answer.body, 'items')) {
      const session = [...sessions.values()].find(({ broker }) => broker === partOf(view, 'broker'));
      if (!session || partOf(view, 'state') !== 'LOGIN_REQUIRED') continue;
      const renewed = await this.sim.newSession(session);
      const connected = await this.connect(apiKey, renewed, accountId).catch(() => undefined);
      if (connected?.status === 200) {
        sessions.set(session.broker, renewed);
        this.loggedInAgain += 1;
      } else if (connected && ![401, 502, 503].includes(connected.status))
        throw new Error(`${name} cannot log in at ${session.broker} again: ${connected.text}`);
    }
  }

  private connect(apiKey: string, { broker, credentials }: SimSession, accountId?: string): Promise<Answer> {
    const body = { broker, credentials, ...(accountId !== undefined && { accountId }) };
    return this.deployment.command('POST', '/broker/connect', { headers: { 'X-Api-Key': apiKey }, body });
  }

  private async register(name: string): Promise<unknown> {
    const body = { email: `${name}@example.com`, password: PASSWORD };
    const registered = await this.deployment.command('POST', '/auth/register', { body });
    if (registered.status !== 201) throw new Error(`${name} cannot register: ${registered.text}`);
    return registered.body;
  }
}
