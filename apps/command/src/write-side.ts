import { randomUUID } from 'node:crypto';
import { account, type AccountCommand } from '#domain/accounts/account';
import type { InstrumentFacts } from '#domain/instruments/facts';
import type { Instrument } from '#domain/instruments/instrument';
import { E4_PER_RUPEE } from '#domain/money';
import type { Brokers } from '#brokers/broker';
import type { EventLog, EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import { AccountLedgers } from './account-ledger';
import { AccountOwners } from './account-owners';
import { correctionsOf } from './corrections';
import type { MarketFiles } from './market-day';
import { OrderDesk } from './order-desk';
import type { OrderOutcomes } from './outcomes';
import { IntentsInFlight } from './intents-in-flight';
import { KillSwitch, type OpenOrder } from './kill-switch';
import { tradingDateOf } from './market-clock';
import { type OpenWork, Recovery } from './recovery';
import { RiskDesk } from './risk-desk';
import { Routing } from './routing';
import { Settings } from './settings';

export interface WriteSideOptions {
  readonly log: EventLog;
  readonly brokers: Brokers;
  /** Today's instruments and what the files of the day say of them: the same object until they are replaced. */
  readonly files: () => MarketFiles;
  readonly now: () => number;
  readonly outcomes: OrderOutcomes;
  /** Both until an admin sets something else. */
  readonly idempotencyWindowSec: number;
  readonly maxOrdersPerBatch: number;
  readonly brokerTimeoutMs: number;
  readonly openWork: (beforeMs: number) => Promise<readonly OpenWork[]>;
  /** Every order that is open, as the read side has it. */
  readonly openOrders: () => Promise<readonly OpenOrder[]>;
  /** Whether it is this process that looks after what others have left open: one of all that take orders. */
  readonly isKeeper: () => boolean;
}

/** What a paper account starts with: one crore rupees of play money. */
const PAPER_FUNDS_E4 = 10_000_000 * E4_PER_RUPEE;

/** Everything of the write side that lives as long as its process, wired once. */
export class WriteSide {
  readonly settings: Settings;
  readonly risk: RiskDesk;
  readonly owners: AccountOwners;
  readonly routing: Routing;
  readonly ledgers: AccountLedgers;
  readonly desk: OrderDesk;
  readonly inFlight = new IntentsInFlight();
  readonly recovery: Recovery;
  readonly killSwitch: KillSwitch;
  private readonly unsubscribes: (() => Promise<void>)[] = [];

  constructor(readonly options: WriteSideOptions) {
    const { log, now, outcomes, files, openWork, isKeeper, brokerTimeoutMs, brokers } = options;
    this.settings = new Settings(log, options);
    const known = this.settings;
    this.risk = new RiskDesk({ files, corrections: () => correctionsOf(known.knownHouse()), settings: known, now });
    const { risk } = this;
    this.ledgers = new AccountLedgers(log, now, {
      tradingDate: (broker, atMs) => tradingDateOf(brokers.marketNowMs(broker) ?? now(), now(), atMs),
      of: ({ broker }) => risk.rulesOn(tradingDateOf(brokers.marketNowMs(broker) ?? now(), now())),
      prepare: () => known.house(),
    });
    this.owners = new AccountOwners(this.ledgers);
    const { settings, owners, ledgers, inFlight } = this;
    this.routing = new Routing(log, brokers, async (accountId) => settings.prepare(await owners.of(accountId)));
    const { routing } = this;
    this.desk = new OrderDesk({ ledgers, brokers, routing, risk, outcomes, brokerTimeoutMs, now });
    const { openOrders } = options;
    this.killSwitch = new KillSwitch({ log, ledgers, desk: this.desk, owners, outcomes, openOrders, isKeeper, now });
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

  /** Finds an instrument by symbol or instrument key in today's catalogue. */
  readonly resolve = (name: string): Instrument | undefined => this.options.files().resolve(name);

  /** What the files of the day say of an instrument beyond its master. */
  readonly factsOf = (instrumentKey: string): InstrumentFacts => this.options.files().facts.of(instrumentKey);

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
    this.killSwitch.start();
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
    await this.killSwitch.stop();
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
