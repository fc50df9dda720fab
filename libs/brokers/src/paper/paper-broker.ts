import { leavesOf, type ExecutionReport, type Order, type OrderDetails, type OrderTerms } from '#domain/orders/order';
import type { AcceptedOrder, Broker, BrokerAnswer, Dispatch, ReportListener, TagSearch } from '../broker';
import { type PaperMarket, TICKS_PER_DAY } from './paper-market';

/** An order resting in the paper book. */
interface Resting {
  readonly details: OrderDetails;
  readonly brokerOrderId: string;
  readonly lotSize: number;
  readonly expiresAtMs: number;
  terms: OrderTerms;
  filledQuantity: number;
  /** A stop that was touched once is an ordinary order from then on. */
  triggered: boolean;
  /** Each order trades at most once a tick: its trade id says which. */
  lastTick: number;
}

export interface PaperBrokerOptions {
  readonly market: PaperMarket;
  /** The day the prices were recorded on, `YYYY-MM-DD`. */
  readonly tradingDate: string;
  readonly tickMs: number;
  readonly now: () => number;
  readonly lotSizeOf: (instrumentKey: string) => number | undefined;
  /** Told when a listener gave up, which it may do only when this process ends: see `ReportListener`. */
  readonly onError: (error: unknown) => void;
}

const IST_OFFSET_MS = 5.5 * 3_600_000;
const DAY_MS = 86_400_000;

/** A DAY order of the paper market, which never closes, lives until midnight IST. */
const endOfIstDay = (atMs: number): number =>
  (Math.floor((atMs + IST_OFFSET_MS) / DAY_MS) + 1) * DAY_MS - IST_OFFSET_MS;

/**
 * A broker that fills at recorded real prices (`PaperMarket`), for practice and for machines without an account. It
 * rejects what a real one would reject, fills partially when its market is thin, and keeps no memory of its own: what
 * was recorded stands in the event log and comes back through `resume`; what was not recorded before the process ended
 * never happened.
 */
export class PaperBroker implements Broker {
  readonly name = 'paper';
  private readonly book = new Map<string, Resting>();

  constructor(private readonly options: PaperBrokerOptions) {}

  tradingDate(): string {
    return this.options.tradingDate;
  }

  lastPriceE4(instrumentKey: string): number | undefined {
    const { market, now } = this.options;
    return market.quoteAt(instrumentKey, market.tickAt(now()))?.priceE4;
  }

  place({ details, terms, tag }: Dispatch): Promise<BrokerAnswer> {
    const lotSize = this.options.lotSizeOf(details.instrumentKey);
    if (lotSize === undefined)
      return answer({
        outcome: 'rejected',
        evidence: { code: 'PAPER_UNKNOWN_INSTRUMENT', message: details.instrumentKey },
      });
    if (terms.orderType === 'MARKET' && this.lastPriceE4(details.instrumentKey) === undefined)
      return answer({
        outcome: 'rejected',
        evidence: { code: 'PAPER_NO_PRICE', message: 'no price was recorded for this instrument' },
      });
    const brokerOrderId = `P${tag}`;
    const now = this.options.now();
    const resting: Resting = {
      details,
      brokerOrderId,
      lotSize,
      expiresAtMs: endOfIstDay(now),
      terms,
      filledQuantity: 0,
      triggered: false,
      lastTick: -1,
    };
    return answer({ outcome: 'accepted', reports: [{ kind: 'new', brokerOrderId }, ...this.enter(resting)] });
  }

  modify({ details }: Order, terms: OrderTerms): Promise<BrokerAnswer> {
    const resting = details && this.book.get(details.orderId);
    if (!resting) return answer(UNKNOWN_ORDER);
    resting.terms = terms;
    if (terms.quantity <= resting.filledQuantity) this.book.delete(resting.details.orderId);
    return answer({ outcome: 'accepted', reports: [{ kind: 'replaced', terms }, ...this.matchAtOnce(resting)] });
  }

  cancel({ details }: Order): Promise<BrokerAnswer> {
    if (!details || !this.book.delete(details.orderId)) return answer(UNKNOWN_ORDER);
    return answer({ outcome: 'accepted', reports: [{ kind: 'cancelled', reason: 'requested' }] });
  }

  /** This broker lives in the process that asks: what it does not hold it never accepted in a way that lasted. */
  findByTag({ details, tag }: Dispatch): Promise<TagSearch> {
    const resting = this.book.get(details.orderId);
    return Promise.resolve(
      resting?.brokerOrderId === `P${tag}`
        ? { outcome: 'found', reports: [{ kind: 'new', brokerOrderId: resting.brokerOrderId }] }
        : { outcome: 'absent' },
    );
  }

  resume(accepted: readonly AcceptedOrder[]): void {
    const tick = this.options.market.tickAt(this.options.now());
    for (const { order, acceptedAtMs } of accepted) {
      const { details, terms, filledQuantity, brokerOrderId, tradeIds } = order;
      const lotSize = details && this.options.lotSizeOf(details.instrumentKey);
      if (!details || lotSize === undefined || brokerOrderId === undefined || this.book.has(details.orderId)) continue;
      this.book.set(details.orderId, {
        details,
        brokerOrderId,
        lotSize,
        expiresAtMs: endOfIstDay(acceptedAtMs),
        terms,
        filledQuantity,
        triggered: filledQuantity > 0 || this.wasTouched(terms, details, acceptedAtMs),
        lastTick: tradeIds.has(tradeIdOf(brokerOrderId, tick)) ? tick : -1,
      });
    }
  }

  subscribe(listener: ReportListener): () => Promise<void> {
    let running = Promise.resolve();
    const timer = setInterval(() => {
      running = running.then(() => this.tick(listener)).catch(this.options.onError);
    }, this.options.tickMs);
    return async () => {
      clearInterval(timer);
      await running;
    };
  }

  /** Matches the whole book against the present tick and tells the listener, one order at a time. */
  private async tick(listener: ReportListener): Promise<void> {
    for (const resting of [...this.book.values()]) {
      const reports = this.match(resting);
      if (reports.length > 0) await listener(resting.details, reports);
    }
  }

  private enter(resting: Resting): readonly ExecutionReport[] {
    this.book.set(resting.details.orderId, resting);
    return this.matchAtOnce(resting);
  }

  /** Of an immediate-or-cancel order nothing stays in the book. */
  private matchAtOnce(resting: Resting): readonly ExecutionReport[] {
    const reports = this.match(resting);
    if (resting.terms.validity !== 'IOC' || !this.book.delete(resting.details.orderId)) return reports;
    return [...reports, { kind: 'cancelled', reason: 'immediate-or-cancel' }];
  }

  /** Whether the replayed market has touched a stop's trigger since then. */
  private wasTouched(terms: OrderTerms, { instrumentKey, side }: OrderDetails, sinceMs: number): boolean {
    const { market, now } = this.options;
    const last = market.tickAt(now());
    for (let tick = Math.max(market.tickAt(sinceMs), last - TICKS_PER_DAY + 1); tick <= last; tick += 1) {
      const quote = market.quoteAt(instrumentKey, tick);
      if (quote && isTriggered(terms, side, quote.priceE4)) return true;
    }
    return false;
  }

  private match(resting: Resting): readonly ExecutionReport[] {
    const { market, now } = this.options;
    const { details, terms, brokerOrderId, lotSize } = resting;
    if (!this.book.has(details.orderId)) return [];
    const at = now();
    if (at >= resting.expiresAtMs) {
      this.book.delete(details.orderId);
      return [{ kind: 'expired' }];
    }
    const tick = market.tickAt(at);
    const quote = market.quoteAt(details.instrumentKey, tick);
    if (!quote || tick === resting.lastTick) return [];
    resting.triggered ||= isTriggered(terms, details.side, quote.priceE4);
    if (!resting.triggered || !isMarketable(terms, details.side, quote.priceE4)) return [];

    const wholeLots = Math.max(lotSize, Math.floor(quote.availableQuantity / lotSize) * lotSize);
    const quantity = Math.min(leavesOf(resting), wholeLots);
    resting.lastTick = tick;
    resting.filledQuantity += quantity;
    if (leavesOf(resting) === 0) this.book.delete(details.orderId);
    return [{ kind: 'trade', tradeId: tradeIdOf(brokerOrderId, tick), quantity, priceE4: quote.priceE4, tradedAt: at }];
  }
}

const tradeIdOf = (brokerOrderId: string, tick: number): string => `${brokerOrderId}-${String(tick)}`;

const answer = (value: BrokerAnswer): Promise<BrokerAnswer> => Promise.resolve(value);

const UNKNOWN_ORDER: BrokerAnswer = {
  outcome: 'rejected',
  evidence: { code: 'PAPER_UNKNOWN_ORDER', message: 'the paper book holds no such order' },
};

const isTriggered = ({ triggerPriceE4 }: OrderTerms, side: OrderDetails['side'], priceE4: number): boolean =>
  triggerPriceE4 === undefined || (side === 'BUY' ? priceE4 >= triggerPriceE4 : priceE4 <= triggerPriceE4);

const isMarketable = ({ priceE4: limitE4 }: OrderTerms, side: OrderDetails['side'], priceE4: number): boolean =>
  limitE4 === undefined || (side === 'BUY' ? priceE4 <= limitE4 : priceE4 >= limitE4);
