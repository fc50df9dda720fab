/** Judges orders of many accounts by the desk that the write side uses, with every limit set. */
import { cpus } from 'node:os';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, accountBy, type AccountCommand } from '#domain/accounts/account';
import { type Decider, type DomainEvent, fold } from '#domain/decider';
import type { Instrument } from '#domain/instruments/instrument';
import { calendarWith } from '#domain/market/calendar';
import { E4_PER_RUPEE } from '#domain/money';
import type { OrderDetails, Product, Side } from '#domain/orders/order';
import { passes } from '#domain/risk/checks';
import type { Limits } from '#domain/risk/limits';
import { effectiveLimits } from '#domain/settings/effective';
import { initialHouseSettings } from '#domain/settings/house-settings';
import { INITIAL_USER_SETTINGS } from '#domain/settings/user-settings';
import { PaperBroker } from '#brokers/paper/paper-broker';
import { PaperMarket } from '#brokers/paper/paper-market';
import { Catalogue } from '#instruments/catalogue';
import { demoDataPath, demoReferenceFiles } from '#instruments/demo-data';
import { loadInstruments } from '#instruments/load';
import { loadPriceDay, type PriceDay } from '#instruments/price-day';
import { loadReference } from '#instruments/reference/load-reference';
import { marketFilesOf, type MarketFiles } from '../../apps/command/src/market-day';
import { type Question, RiskDesk, type RiskDeskOptions } from '../../apps/command/src/risk-desk';
import { answerQuestions, hasFields } from './child';
import type { DecideFigures, DecideWork, Judged } from './decide';
import { randomNumbers } from './order-mix';

const SHARES_HELD = 5;
const OPEN_ORDERS = 5;
/** One account in so many holds a portfolio of contracts. */
const PORTFOLIO_EVERY = 10;
const FUNDS_E4 = 1_000_000_000 * E4_PER_RUPEE;
const LAKH_E4 = 100_000 * E4_PER_RUPEE;
const WARM_UP = 3_000;
/** Quotes stand still. */
const TICK_MS = 3_600_000;

/** Nothing is left out for want of a limit. Wide: an order that is denied early would cost less. */
const limitsOf = (symbol: string): Limits => ({
  dailyLossMaxE4: 1_000 * LAKH_E4,
  orderValueMaxE4: 1_000 * LAKH_E4,
  orderQuantityMax: 100_000,
  exposureMaxE4: 100_000 * LAKH_E4,
  openOrdersMax: 1_000,
  openOrderValueMaxE4: 100_000 * LAKH_E4,
  ordersPerDayMax: 100_000,
  modificationsPerOrderMax: 100,
  priceDeviationMaxBp: { cash: 300, futures: 500, options: 4_000 },
  marginUtilisationMaxBp: 10_000,
  duplicateWindowMs: 1,
  intradayVar: { limitE4: 1_000 * LAKH_E4, method: 'parametric', confidenceBp: 9_900 },
  symbolCaps: {
    [symbol]: { quantityMax: 100_000, valueMaxE4: 1_000 * LAKH_E4, positionMax: 1_000_000 },
    NIFTY: { quantityMax: 100_000, valueMaxE4: 10_000 * LAKH_E4, positionMax: 10_000_000 },
  },
});

/** What can be traded, with what it cost. */
interface Priced {
  readonly instrument: Instrument;
  readonly priceE4: number;
}

class Floor {
  private readonly random = randomNumbers(1);
  private readonly market: PaperBroker;
  private readonly desk: RiskDesk;
  /** Shares with contracts on them: their volatility is known. */
  private readonly shares: readonly Priced[];
  private readonly contracts: readonly Priced[];
  private readonly calls: readonly Priced[];
  private readonly cashAccounts: Account[] = [];
  private readonly portfolios: Account[] = [];
  private numbers = 0;

  constructor(
    private readonly files: MarketFiles,
    { prices }: PriceDay,
    catalogue: Catalogue,
    private readonly work: DecideWork,
  ) {
    const atMs = Date.parse(`${work.day}T10:00:00+05:30`);
    this.market = new PaperBroker({
      market: new PaperMarket(prices, TICK_MS),
      marketNowMs: () => atMs,
      tickMs: TICK_MS,
      now: () => atMs,
      lotSizeOf: (key) => files.resolve(key)?.lotSize,
      resting: () => Promise.resolve([]),
      onError: (error) => {
        throw error;
      },
    });
    const quoted = catalogue.instruments.flatMap((instrument): Priced[] => {
      const priceE4 = this.market.lastPriceE4(instrument.instrumentKey);
      return priceE4 === undefined ? [] : [{ instrument, priceE4 }];
    });
    this.shares = quoted.filter(
      ({ instrument: { instrumentKey, instrumentType } }) =>
        instrumentType === 'EQ' && files.facts.of(instrumentKey).hasDerivatives !== undefined,
    );
    this.contracts = quoted.filter(({ instrument: { underlyingSymbol } }) => underlyingSymbol === 'NIFTY');
    this.calls = this.contracts.filter(({ instrument: { instrumentType } }) => instrumentType === 'CE');
    this.desk = new RiskDesk(this.deskOptions());
    for (let n = 0; n < work.accounts; n += 1)
      if (n % PORTFOLIO_EVERY === 0) this.portfolios.push(this.accountOf(n, work.legs));
      else this.cashAccounts.push(this.accountOf(n, 0));
  }

  judgeShares(): Promise<Judged> {
    return this.judge(() => this.shareOrder());
  }

  judgePortfolios(): Promise<Judged> {
    return this.judge(() => this.shortCall());
  }

  private async judge(next: () => Question): Promise<Judged> {
    const questions = Array.from({ length: WARM_UP + this.work.orders }, next);
    let gcMs = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) gcMs += duration;
    });
    for (const question of questions.splice(0, WARM_UP)) this.desk.judge(question);
    await nextTurn();
    observer.observe({ entryTypes: ['gc'] });
    const [durationsMs, cpuMs]: [number[], number[]] = [[], []];
    let passed = 0;
    const others = watchOthers();
    const startedAt = performance.now();
    for (const question of questions) {
      const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
      const { verdicts } = this.desk.judge(question);
      const { user, system } = process.cpuUsage(cpuBefore);
      durationsMs.push(performance.now() - before);
      cpuMs.push((user + system) / 1_000);
      if (passes(verdicts)) passed += 1;
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const othersShare = others();
    await nextTurn(); // what was collected is told afterwards
    observer.disconnect();
    return { durationsMs, cpuMs, seconds, gcMs, passed, othersShare };
  }

  private deskOptions(): RiskDeskOptions {
    const house = {
      ...initialHouseSettings({ idempotencyWindowSec: 86_400, maxOrdersPerBatch: 20 }),
      defaults: {},
    };
    const corrections = { calendar: calendarWith(), charges: {}, margin: {} };
    const byUser = new Map(
      Array.from({ length: this.work.accounts }, (_, n) => {
        const limits = limitsOf(this.pick(this.shares).instrument.symbol);
        const known = {
          user: { ...INITIAL_USER_SETTINGS, limits },
          userVersion: 1,
          house,
          houseVersion: 0,
          effective: effectiveLimits(limits, house),
        };
        return [userOf(n), known] as const;
      }),
    );
    return {
      files: () => this.files,
      corrections: () => corrections,
      now: () => Date.now(),
      settings: {
        known: (userId) => {
          const known = byUser.get(userId);
          if (!known) throw new Error(`nobody knows ${userId}`);
          return known;
        },
      },
    };
  }

  /** With a past: shares or contracts that were bought and sold today, and orders that are open. */
  private accountOf(n: number, legs: number): Account {
    const decider = accountBy(this.desk.rulesOn(this.work.day));
    const accountId = `account-${String(n)}`;
    let account = decider.initial;
    const run = (command: AccountCommand): void => {
      account = decided(decider, account, command);
    };
    run({ type: 'OpenAccount', data: { accountId, userId: userOf(n), kind: 'paper', broker: 'paper' } });
    run({ type: 'DepositFunds', data: { depositId: 'opening', amountE4: FUNDS_E4 } });
    const held = legs > 0 ? this.several(this.contracts, legs) : this.several(this.shares, SHARES_HELD);
    for (const [index, { instrument, priceE4 }] of held.entries()) {
      const subject = {
        orderId: this.orderId(),
        instrumentKey: instrument.instrumentKey,
        product: productOf(instrument),
        side: sideOf(legs > 0 && index % 2 === 1),
      };
      const quantity = instrument.lotSize === 1 ? 100 : (instrument.lotSize ?? 1);
      run({
        type: 'PostMargin',
        data: {
          ...subject,
          tradeId: subject.orderId,
          quantity,
          priceE4,
          cumulativeQuantity: quantity,
          orderClosed: true,
          tradingDate: this.work.day,
          broker: 'paper',
        },
      });
    }
    for (const one of this.several(legs > 0 ? this.calls : this.shares, OPEN_ORDERS)) {
      const question = this.questionOn(account, one, 'BUY', farBelow(one));
      run(
        question.reserve({
          marginPriceE4: farBelow(one),
          tradingDate: this.work.day,
          placedAtMs: this.market.marketNowMs() - 60_000,
        }),
      );
    }
    return account;
  }

  /** Bought for delivery or for the day, at a limit or at the market; or sold of what is held. */
  private shareOrder(): Question {
    const account = this.pick(this.cashAccounts);
    const kind = this.random();
    const [position] = account.positions.values();
    const sold = kind < 0.2 && position ? this.files.resolve(position.instrumentKey) : undefined;
    const one = this.shares.find(({ instrument }) => instrument === sold) ?? this.pick(this.shares);
    return this.questionOn(
      account,
      one,
      sideOf(sold !== undefined),
      kind < 0.6 ? one.priceE4 : undefined,
      kind > 0.5 ? 'MIS' : 'CNC',
    );
  }

  private shortCall(): Question {
    const one = this.pick(this.calls);
    return this.questionOn(this.pick(this.portfolios), one, 'SELL', one.priceE4);
  }

  private questionOn(
    account: Account,
    { instrument }: Priced,
    side: Side,
    priceE4: number | undefined,
    product: Product = productOf(instrument),
  ): Question {
    const { instrumentKey, symbol, exchange, segment, lotSize = 1 } = instrument;
    const quantity = lotSize === 1 ? 10 : lotSize;
    const orderType = priceE4 === undefined ? 'MARKET' : 'LIMIT';
    const named = priceE4 === undefined ? {} : { priceE4 };
    const details: OrderDetails = {
      orderId: this.orderId(),
      intentId: 'intent',
      line: 0,
      accountId: account.accountId,
      userId: account.userId,
      instrumentKey,
      symbol,
      exchange,
      segment,
      side,
      product,
      orderType,
      quantity,
      ...named,
      validity: 'DAY',
    };
    const { orderId } = details;
    return {
      details,
      terms: details,
      market: this.market,
      account,
      action: 'new',
      reserve: (need) => ({
        type: 'ReserveMargin',
        data: { orderId, instrumentKey, product, side, quantity, orderType, ...named, ...need },
      }),
    };
  }

  private orderId(): string {
    this.numbers += 1;
    return `00000000-0000-4000-8000-${String(this.numbers).padStart(12, '0')}`;
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new RangeError('there is nothing to choose from');
    return item;
  }

  private several<Item>(items: readonly Item[], count: number): readonly Item[] {
    const found = new Set<Item>();
    while (found.size < Math.min(count, items.length)) found.add(this.pick(items));
    return [...found];
  }
}

const decided = <Command, Event extends DomainEvent>(
  decider: Decider<Account, Command, Event>,
  account: Account,
  command: Command,
): Account => fold(decider, account, decider.decide(command, account));

/** From now until the answer: what share of the processors went to other processes. */
const watchOthers = (): (() => number) => {
  const busyMs = (): number =>
    cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
  const [startedAt, before, own] = [performance.now(), busyMs(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(own);
    const othersMs = Math.max(0, busyMs() - before - (user + system) / 1_000);
    return othersMs / ((performance.now() - startedAt) * cpus().length);
  };
};

/** Everything that was told meanwhile has been heard. */
const nextTurn = (): Promise<void> => sleep(50);

const userOf = (n: number): string => `user-${String(n)}`;

const sideOf = (sells: boolean): Side => (sells ? 'SELL' : 'BUY');

const productOf = ({ expiry }: Instrument): Product => (expiry === undefined ? 'CNC' : 'NRML');

/** Of a purchase that waits. */
const farBelow = ({ instrument: { tickSizeE4 = 1 }, priceE4 }: Priced): number =>
  Math.max(tickSizeE4, Math.floor((priceE4 * 0.95) / tickSizeE4) * tickSizeE4);

const work = async (asked: DecideWork): Promise<DecideFigures> => {
  const { instruments } = await loadInstruments(asked.file, { validFrom: asked.day });
  const catalogue = new Catalogue(instruments);
  const facts = await loadReference(demoReferenceFiles(), { catalogue, effectiveFrom: asked.day });
  const prices = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
  const floor = new Floor(marketFilesOf(catalogue, facts), prices, catalogue, asked);
  return {
    instruments: catalogue.size,
    accounts: asked.accounts,
    cash: await floor.judgeShares(),
    portfolio: await floor.judgePortfolios(),
    peakRssMb: process.resourceUsage().maxRSS / 1_024,
  };
};

answerQuestions(hasFields<DecideWork>('file', 'accounts', 'legs'), work);
