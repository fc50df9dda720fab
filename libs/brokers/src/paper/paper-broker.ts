import {
  leavesOf,
  order as orderDecider,
  type ExecutionReport,
  type Order,
  type OrderDetails,
  type OrderTerms,
} from '#domain/orders/order';
import type { Broker, BrokerAnswer, Dispatch, ReportListener, TagSearch } from '../broker';
import { type PaperMarket, TICKS_PER_DAY } from './paper-market';

/** An order that rests at the paper broker, as the log had it a moment ago. Instants in epoch milliseconds. */
export interface RestingOrder {
  readonly order: Order;
  readonly acceptedAtMs: number;
  /** Since when its present terms are in force. */
  readonly termsSinceMs: number;
}

export interface PaperBrokerOptions {
  readonly market: PaperMarket;
  /** What the clock of the replayed market shows: see `replayClock`. */
  readonly marketNowMs: () => number;
  readonly tickMs: number;
  readonly now: () => number;
  readonly lotSizeOf: (instrumentKey: string) => number | undefined;
  /** What rests, as far as it is this process that matches it. May lag behind the log. */
  readonly resting: () => Promise<readonly RestingOrder[]>;
  /** Told when a tick failed, or a listener gave up: see `ReportListener`. */
  readonly onError: (error: unknown) => void;
}

const IST_OFFSET_MS = 5.5 * 3_600_000;
const DAY_MS = 86_400_000;

/** A DAY order of the paper market, which never closes, lives until midnight IST. */
const endOfIstDay = (atMs: number): number =>
  (Math.floor((atMs + IST_OFFSET_MS) / DAY_MS) + 1) * DAY_MS - IST_OFFSET_MS;

/**
 * A broker that fills at recorded real prices (`PaperMarket`), for practice and for machines without an account. It
 * rejects what a real one would reject and fills partially when its market is thin.
 *
 * Its book is the event log. It keeps nothing of its own: an order exists from the moment its acceptance is recorded,
 * and what is said of it is said of the order as it stands when that is recorded. So any number of processes may place,
 * change and cancel, whoever dies takes nothing along, and what was not recorded never happened.
 */
export class PaperBroker implements Broker {
  readonly name = 'paper';
  readonly isPaper = true;
  readonly settleMs = 0; // what is not recorded never happened

  constructor(private readonly options: PaperBrokerOptions) {}

  marketNowMs(): number {
    return this.options.marketNowMs();
  }

  lastPriceE4(instrumentKey: string): number | undefined {
    const { market, now } = this.options;
    return market.quoteAt(instrumentKey, market.tickAt(now()))?.priceE4;
  }

  /** Accepts and matches at once: nobody else knows of the order yet. */
  place({ details, terms, tag }: Dispatch): Promise<BrokerAnswer> {
    if (this.options.lotSizeOf(details.instrumentKey) === undefined)
      return answer({
        outcome: 'rejected',
        evidence: { code: 'PAPER_UNKNOWN_INSTRUMENT', message: details.instrumentKey },
      });
    if (terms.orderType === 'MARKET' && this.lastPriceE4(details.instrumentKey) === undefined)
      return answer({
        outcome: 'rejected',
        evidence: { code: 'PAPER_NO_PRICE', message: 'no price was recorded for this instrument' },
      });
    const now = this.options.now();
    const brokerOrderId = `P${tag}`;
    const order: Order = { ...orderDecider.initial, status: 'working', details, terms, brokerOrderId };
    const reports = this.match({ order, acceptedAtMs: now, termsSinceMs: now }, order, now);
    return answer({ outcome: 'accepted', reports: [{ kind: 'new', brokerOrderId }, ...reports] });
  }

  /** Changes and matches at once, as the order stands by then. */
  modify({ status }: Order, terms: OrderTerms): Promise<BrokerAnswer> {
    if (status !== 'working') return answer(UNKNOWN_ORDER);
    const now = this.options.now();
    const reports = (order: Order): readonly ExecutionReport[] => [
      { kind: 'replaced', terms },
      ...this.match({ order, acceptedAtMs: now, termsSinceMs: now }, { ...order, terms }, now),
    ];
    return answer({ outcome: 'accepted', reports });
  }

  cancel({ status }: Order): Promise<BrokerAnswer> {
    return answer(
      status === 'working'
        ? { outcome: 'accepted', reports: [{ kind: 'cancelled', reason: 'requested' }] }
        : UNKNOWN_ORDER,
    );
  }

  /** Who asks has no acceptance in the log, and what is not recorded there never happened. */
  findByTag(): Promise<TagSearch> {
    return Promise.resolve({ outcome: 'absent' });
  }

  subscribe(listener: ReportListener): () => Promise<void> {
    let running: Promise<void> | undefined;
    const timer = setInterval(() => {
      running ??= this.tick(listener)
        .catch(this.options.onError)
        .finally(() => (running = undefined));
    }, this.options.tickMs);
    return async () => {
      clearInterval(timer);
      await running;
    };
  }

  /** Matches everything that rests against the present tick. */
  private async tick(listener: ReportListener): Promise<void> {
    const { resting, now, onError } = this.options;
    const at = now();
    const told = (await resting()).map(async (one) => {
      const { details } = one.order;
      if (!details || this.match(one, one.order, at).length === 0) return;
      await listener(details, (order) => this.match(one, order, at), 'broker-paper').catch(onError);
    });
    await Promise.all(told);
  }

  /** What the market does to an order at an instant. Of an immediate-or-cancel order nothing stays in the book. */
  private match(resting: RestingOrder, order: Order, atMs: number): readonly ExecutionReport[] {
    if (order.status !== 'working') return [];
    if (atMs >= endOfIstDay(resting.acceptedAtMs)) return [{ kind: 'expired' }];
    if (leavesOf(order) <= 0) return [];
    const trades = this.trade(resting, order, atMs);
    const leaves = trades.reduce((left, { quantity }) => left - quantity, leavesOf(order));
    return order.terms.validity === 'IOC' && leaves > 0
      ? [...trades, { kind: 'cancelled', reason: 'immediate-or-cancel' }]
      : trades;
  }

  /** Each order trades at most once a tick: the trade's id says which, and the order knows its trades. */
  private trade({ termsSinceMs }: RestingOrder, order: Order, atMs: number): readonly Trade[] {
    const { market, lotSizeOf } = this.options;
    const { details, terms, brokerOrderId, filledQuantity } = order;
    const lotSize = details && lotSizeOf(details.instrumentKey);
    if (!details || lotSize === undefined || brokerOrderId === undefined) return [];
    const tick = market.tickAt(atMs);
    const tradeId = `${brokerOrderId}-${String(tick)}`;
    const quote = market.quoteAt(details.instrumentKey, tick);
    if (!quote || order.tradeIds.has(tradeId)) return [];
    // A stop that was touched once is an ordinary order from then on.
    if (filledQuantity === 0 && !this.wasTouched(terms, details, termsSinceMs, atMs)) return [];
    if (!isMarketable(terms, details.side, quote.priceE4)) return [];
    const wholeLots = Math.max(lotSize, Math.floor(quote.availableQuantity / lotSize) * lotSize);
    const quantity = Math.min(leavesOf(order), wholeLots);
    return [{ kind: 'trade', tradeId, quantity, priceE4: quote.priceE4, tradedAt: atMs }];
  }

  /** Whether the replayed market has touched a stop's trigger in that time. */
  private wasTouched(terms: OrderTerms, details: OrderDetails, sinceMs: number, untilMs: number): boolean {
    if (terms.triggerPriceE4 === undefined) return true;
    const { market } = this.options;
    const last = market.tickAt(untilMs);
    for (let tick = Math.max(market.tickAt(sinceMs), last - TICKS_PER_DAY + 1); tick <= last; tick += 1) {
      const quote = market.quoteAt(details.instrumentKey, tick);
      if (quote && isTriggered(terms.triggerPriceE4, details.side, quote.priceE4)) return true;
    }
    return false;
  }
}

type Trade = Extract<ExecutionReport, { kind: 'trade' }>;

const answer = (value: BrokerAnswer): Promise<BrokerAnswer> => Promise.resolve(value);

const UNKNOWN_ORDER: BrokerAnswer = {
  outcome: 'rejected',
  evidence: { code: 'PAPER_UNKNOWN_ORDER', message: 'the paper book holds no such order' },
};

const isTriggered = (triggerPriceE4: number, side: OrderDetails['side'], priceE4: number): boolean =>
  side === 'BUY' ? priceE4 >= triggerPriceE4 : priceE4 <= triggerPriceE4;

const isMarketable = ({ priceE4: limitE4 }: OrderTerms, side: OrderDetails['side'], priceE4: number): boolean =>
  limitE4 === undefined || (side === 'BUY' ? priceE4 <= limitE4 : priceE4 >= limitE4);
