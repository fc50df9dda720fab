import { randomUUID } from 'node:crypto';
import { account, type AccountCommand } from '#domain/accounts/account';
import type { Instrument } from '#domain/instruments/instrument';
import { E4_PER_RUPEE } from '#domain/money';
import type { Brokers } from '#brokers/broker';
import type { EventLog, EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import { AccountLedgers } from './account-ledger';
import { tradingDateOf } from './clock';
import { OrderDesk } from './order-desk';
import type { OrderOutcomes } from './outcomes';
import { IntentsInFlight } from './intents-in-flight';
import { type OpenWork, Recovery } from './recovery';
import { Routing } from './routing';

export interface WriteSideOptions {
  readonly log: EventLog;
  readonly brokers: Brokers;
  /** Finds an instrument by symbol or instrument key in today's catalogue. */
  readonly resolve: (name: string) => Instrument | undefined;
  readonly now: () => number;
  readonly outcomes: OrderOutcomes;
  readonly idempotencyWindowSec: number;
  readonly brokerTimeoutMs: number;
  readonly openWork: (beforeMs: number) => Promise<readonly OpenWork[]>;
  /** Whether it is this process that looks after what others have left open: one of all that take orders. */
  readonly isKeeper: () => boolean;
}

/** What a paper account starts with: one crore rupees of play money. */
const PAPER_FUNDS_E4 = 10_000_000 * E4_PER_RUPEE;

/** Everything of the write side that lives as long as its process, wired once. */
export class WriteSide {
  readonly routing: Routing;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly inFlight = new IntentsInFlight();
  readonly recovery: Recovery;
  private readonly unsubscribes: (() => Promise<void>)[] = [];

  constructor(readonly options: WriteSideOptions) {
    const { log, now, outcomes, resolve, openWork, isKeeper, brokerTimeoutMs, brokers } = options;
    this.ledgers = new AccountLedgers(log, now, (broker) => brokers.tradingDate(broker) ?? tradingDateOf(now()));
    this.routing = new Routing(log, brokers);
    const { ledgers, inFlight, routing } = this;
    this.desk = new OrderDesk({ ledgers, brokers, routing, instrumentOf: resolve, outcomes, brokerTimeoutMs, now });
    this.recovery = new Recovery({
      log,
      ledgers,
      desk: this.desk,
      brokers,
      inFlight,
      outcomes,
      now,
      openWork,
      isKeeper,
    });
  }

  get brokers(): Brokers {
    return this.options.brokers;
  }

  /**
   * Finishes what earlier processes left open. Only for a process that is the only one: it takes everything that is
   * open for abandoned.
   */
  recover(): Promise<{ finished: number }> {
    return this.recovery.finishAll();
  }

  /** Listens to the brokers and, while it is the keeper, looks after what is left open. */
  start(): void {
    this.recovery.start();
    this.unsubscribes.push(
      this.brokers.subscribe(async (order, told, source) => {
        const cause = { userId: source, correlationId: randomUUID(), causationId: order.orderId };
        await this.desk.report(order, told, cause);
      }),
    );
  }

  /** Lets what is under way become durable; what cannot is finished by the next start. */
  async stop(): Promise<void> {
    this.desk.stopWaiting();
    await this.recovery.stop();
    await Promise.all(this.unsubscribes.map((unsubscribe) => unsubscribe()));
    await this.desk.drain();
  }

  /** Opens a paper account with its starting funds for a user; resolves with its id once that is durable. */
  async openPaperAccount(userId: string): Promise<string> {
    const { log, now } = this.options;
    const accountId = randomUUID();
    const stream = `account-${accountId}`;
    const meta: EventMeta = {
      userId,
      accountId,
      correlationId: randomUUID(),
      causationId: accountId,
      at: now(),
      schemaVersion: 1,
    };
    const opening: AccountCommand = {
      type: 'OpenAccount',
      data: { accountId, userId, kind: 'paper', broker: 'paper' },
    };
    const opened = await execute(log, account, stream, opening, meta);
    await execute(
      log,
      account,
      stream,
      { type: 'DepositFunds', data: { depositId: 'opening', amountE4: PAPER_FUNDS_E4 } },
      meta,
      opened,
    );
    return accountId;
  }
}
