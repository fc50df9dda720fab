import type { Evidence, Order } from '#domain/orders/order';
import type { ReportListener } from './broker';
import type { DriftedRow, Feed, FeedState, OrderFeedListener, OrderRow, Read, TradeRow } from './client';
import { istDay } from './fields';
import { lacksTrades, reportsOfRow } from './row-reports';

/** What somebody should look at: a tag that stands on two orders, a frame that could not be read, an order that is missing. */
export type Alarm = 'duplicate' | 'drift' | 'missing' | 'feed-down' | 'reading-failed' | 'listener-failed';

/** An order of the log that is open at the broker. */
export interface OpenOrder {
  readonly order: Order;
  /** When its last attempt was dispatched, epoch milliseconds. */
  readonly dispatchedAtMs: number;
}

export interface OrderFollowerOptions {
  readonly broker: string;
  readonly follow: (listener: OrderFeedListener) => Feed;
  readonly orders: () => Promise<Read<readonly OrderRow[]>>;
  readonly trades: () => Promise<Read<readonly TradeRow[]>>;
  readonly order: (brokerOrderId: string) => Promise<Read<OrderRow | undefined>>;
  readonly tradesOf: (brokerOrderId: string) => Promise<Read<readonly TradeRow[]>>;
  /** What is open at this broker, as the log has it now. */
  readonly openOrders: () => Promise<readonly OpenOrder[]>;
  /** Between two comparisons of the books while the feed is up. */
  readonly reconcileMs: number;
  readonly now: () => number;
  readonly onAlarm: (kind: Alarm, evidence: Evidence) => void;
}

/** While the feed is down, or after it came back, the books are compared this often. */
const POLL_MS = 2_000;
/** The to-do list lags a little behind the log, and a trade book behind the order book: when to look again. */
const AGAIN_MS = [200, 1_000, 3_000];
/** An order that the broker accepted is in its book by then. */
const MISSING_AFTER_MS = 30_000;

/**
 * Follows the orders of one session, whatever channel brings the news: the order socket, postbacks, polling while the
 * socket is down, and a comparison of our open orders with the broker's books from time to time. All of them become the
 * same reports; the order decides what is new. What only the comparison has found is marked as such.
 */
export class OrderFollower {
  private listener: ReportListener | undefined;
  private feed: Feed | undefined;
  private isUp = false;
  private timer: NodeJS.Timeout | undefined;
  private stopping = new AbortController();
  /** Settles with the comparison that runs, if one does. */
  private comparing: Promise<void> = Promise.resolve();
  /** The comparison that begins after it. */
  private nextComparison: Promise<void> | undefined;
  private readonly running = new Set<Promise<void>>();
  /** Rows that the feed has told and nobody has looked at. */
  private readonly gathered: OrderRow[] = [];
  private isGathering = false;
  private readonly missingSince = new Map<string, number>();
  /** What was told already, until the session ends. */
  private readonly alarmed = new Set<string>();
  /** Trades that were heard of, by the broker's order id, until the order is over. */
  private readonly trades = new Map<string, readonly TradeRow[]>();
  /** The last thing that is being told of an order. */
  private readonly turns = new Map<string, Promise<void>>();

  constructor(private readonly options: OrderFollowerOptions) {}

  /** Where hints and postbacks are told, in a process that does not follow the orders itself. */
  hear(listener: ReportListener): void {
    this.listener ??= listener;
  }

  /** Returns how to stop. */
  start(listener: ReportListener): () => Promise<void> {
    if (this.feed) throw new Error('the orders of this session are followed already');
    this.listener = listener;
    this.stopping = new AbortController();
    this.isUp = false;
    this.feed = this.options.follow({
      onRows: (rows, trades) => {
        for (const trade of trades) this.keep(trade.brokerOrderId, [trade]);
        this.gather(rows);
      },
      onDrift: (evidence) => {
        this.options.onAlarm('drift', evidence);
      },
      onState: (state) => {
        this.noteState(state);
      },
    });
    this.schedule(0); // what happened while nobody listened
    return () => this.stop();
  }

  /** Somebody says that this order has changed: it is read, if it is one of ours. */
  async hint(brokerOrderId: string): Promise<void> {
    const ours = await this.options.openOrders();
    // One whose id we have not been told yet may be meant.
    if (!ours.some(({ order }) => (order.brokerOrderId ?? brokerOrderId) === brokerOrderId)) return;
    const read = await this.options.order(brokerOrderId);
    if (read.outcome === 'failed') {
      this.options.onAlarm('reading-failed', read.evidence);
      return;
    }
    if (read.value) await this.takeRows([read.value], this.sourceOf('broker'), AGAIN_MS);
  }

  /** A row that can be trusted, from a signed postback. */
  async take(row: OrderRow): Promise<void> {
    await this.takeRows([row], this.sourceOf('broker'), AGAIN_MS);
  }

  /** Compares our open orders with the broker's books, read from now on: one that runs already may have read too early. */
  async compare(source = this.sourceOf('reconciliation')): Promise<void> {
    this.nextComparison ??= this.comparing.then(() => {
      this.nextComparison = undefined;
      const comparison = this.compareOnce(source);
      this.comparing = comparison.catch(() => undefined); // told to whoever asked for it
      return comparison;
    });
    await this.nextComparison;
  }

  private async stop(): Promise<void> {
    this.stopping.abort();
    this.listener = undefined;
    clearTimeout(this.timer);
    const { feed } = this;
    this.feed = undefined;
    await feed?.close();
    await this.comparing;
    await Promise.all(this.running);
  }

  private noteState(state: FeedState): void {
    const wasUp = this.isUp;
    this.isUp = state.state === 'up';
    if (state.state === 'down') this.options.onAlarm('feed-down', state.evidence);
    if (wasUp !== this.isUp) this.schedule(0); // poll around it, or catch up what was missed
  }

  private schedule(afterMs: number): void {
    clearTimeout(this.timer);
    if (!this.listener) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      const source = this.sourceOf(this.isUp ? 'reconciliation' : 'broker');
      this.background(
        this.compare(source).finally(() => {
          // Unless the feed came or went meanwhile, which wants a look of its own.
          if (this.timer === undefined) this.schedule(this.isUp ? this.options.reconcileMs : POLL_MS);
        }),
      );
    }, afterMs);
  }

  private async compareOnce(source: string): Promise<void> {
    const ours = await this.options.openOrders();
    this.forgetTradesBut(ours);
    if (ours.length === 0 || !this.listener) return;
    const [orders, trades] = [await this.options.orders(), await this.options.trades()];
    for (const read of [orders, trades])
      if (read.outcome === 'failed') this.options.onAlarm('reading-failed', read.evidence);
    if (orders.outcome === 'failed' || trades.outcome === 'failed') return;
    for (const open of ours) {
      const row = orders.value.find((one) => isOf(one, open.order));
      if (row) {
        this.missingSince.delete(row.brokerOrderId);
        await this.tell(open.order, row, trades.value, source);
      } else if (!isAmong(orders.drifted, open.order)) this.noteMissing(open);
    }
  }

  /** What comes while the list of open orders is being asked for is taken with the next one: rows come in swarms. */
  private gather(rows: readonly OrderRow[]): void {
    this.gathered.push(...rows);
    if (this.gathered.length === 0 || this.isGathering) return;
    this.isGathering = true;
    const takeAll = async (): Promise<void> => {
      while (this.gathered.length > 0) {
        const swarm = this.gathered.splice(0);
        const ours = await this.options.openOrders();
        this.background(this.takeRows(swarm, this.sourceOf('broker'), AGAIN_MS, ours));
      }
    };
    this.background(takeAll().finally(() => (this.isGathering = false)));
  }

  /** Rows of orders that are not ours are none of our business; those that are not known yet are looked for again. */
  private async takeRows(
    rows: readonly OrderRow[],
    source: string,
    againAfterMs: readonly number[],
    known?: readonly OpenOrder[],
  ): Promise<void> {
    const ours = known ?? (await this.options.openOrders());
    const strangers: OrderRow[] = [];
    const told: Promise<void>[] = [];
    for (const row of rows) {
      const open = ours.find(({ order }) => isOf(row, order));
      if (open) told.push(this.tell(open.order, row, [], source));
      else strangers.push(row);
    }
    await Promise.all(told);
    const [nextMs, ...later] = againAfterMs;
    if (strangers.length === 0 || nextMs === undefined || !this.listener) return;
    await this.pause(nextMs);
    await this.takeRows(strangers, source, later);
  }

  /** One thing after the other about one order. */
  private async tell(order: Order, row: OrderRow, known: readonly TradeRow[], source: string): Promise<void> {
    const { brokerOrderId } = row;
    const before = this.turns.get(brokerOrderId) ?? Promise.resolve();
    // What went wrong before was told to whoever began it.
    const turn = before.catch(() => undefined).then(() => this.tellNow(order, row, known, source));
    this.turns.set(brokerOrderId, turn);
    try {
      await turn;
    } finally {
      if (this.turns.get(brokerOrderId) === turn) this.turns.delete(brokerOrderId);
    }
  }

  private async tellNow(order: Order, row: OrderRow, known: readonly TradeRow[], source: string): Promise<void> {
    const { brokerOrderId } = row;
    this.keep(brokerOrderId, known);
    const heard = (): readonly TradeRow[] => this.trades.get(brokerOrderId) ?? [];
    if (lacksTrades(row, heard()) && row.filledQuantity <= order.filledQuantity) {
      // Nothing was filled that we do not know: only how it ended is news.
      await this.report(order, { ...row, filledQuantity: 0 }, [], source);
      return;
    }
    for (const afterMs of [0, ...AGAIN_MS]) {
      if (lacksTrades(row, heard())) {
        if (afterMs > 0) await this.pause(afterMs);
        if (!this.listener) return;
        const read = await this.options.tradesOf(brokerOrderId);
        if (read.outcome === 'ok') this.keep(brokerOrderId, read.value);
        else this.options.onAlarm('reading-failed', read.evidence);
      }
      await this.report(order, row, heard(), source);
      if (!lacksTrades(row, heard())) return;
    }
  }

  private async report(order: Order, row: OrderRow, trades: readonly TradeRow[], source: string): Promise<void> {
    const told = reportsOfRow(row, trades);
    if (!order.details || told(order).length === 0) return;
    await this.listener?.(order.details, told, source);
  }

  private keep(brokerOrderId: string, trades: readonly TradeRow[]): void {
    const known = this.trades.get(brokerOrderId) ?? [];
    const isNews = ({ tradeId, brokerOrderId: of }: TradeRow): boolean =>
      of === brokerOrderId && !known.some((one) => one.tradeId === tradeId);
    const news = trades.filter(isNews);
    if (news.length > 0) this.trades.set(brokerOrderId, [...known, ...news]);
  }

  private forgetTradesBut(ours: readonly OpenOrder[]): void {
    const open = new Set(ours.map(({ order }) => order.brokerOrderId));
    for (const brokerOrderId of this.trades.keys()) if (!open.has(brokerOrderId)) this.trades.delete(brokerOrderId);
  }

  /** Ends early when nobody listens any more. */
  private pause(ms: number): Promise<void> {
    const { signal } = this.stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
    });
  }

  /** A book holds one day. What became of an order of an earlier one that is in none, only a person can find out. */
  private noteMissing({ order, dispatchedAtMs }: OpenOrder): void {
    const { details, brokerOrderId, status } = order;
    if (!details || brokerOrderId === undefined || status !== 'working') return;
    const { now, broker } = this.options;
    const since = this.missingSince.get(brokerOrderId) ?? now();
    this.missingSince.set(brokerOrderId, since);
    const day = istDay(dispatchedAtMs);
    if (day === istDay(now()) && now() - since < MISSING_AFTER_MS) return;
    this.alarmOnce('missing', brokerOrderId, {
      code: 'MISSING_AT_BROKER',
      message: `order ${details.orderId} of ${day} is ${brokerOrderId} at ${broker} and not in its book`,
    });
  }

  /** Somebody has to look at it, and needs not be told each time. */
  private alarmOnce(kind: Alarm, brokerOrderId: string, evidence: Evidence): void {
    const key = `${kind} ${brokerOrderId}`;
    if (this.alarmed.has(key)) return;
    this.alarmed.add(key);
    this.options.onAlarm(kind, evidence);
  }

  private background(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.options.onAlarm('listener-failed', { code: 'LISTENER_FAILED', message });
      })
      .finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  private sourceOf(channel: 'broker' | 'reconciliation'): string {
    return `${channel}-${this.options.broker}`;
  }
}

const isAmong = (drifted: readonly DriftedRow[] = [], { brokerOrderId }: Order): boolean =>
  drifted.some((row) => row.brokerOrderId !== undefined && row.brokerOrderId === brokerOrderId);

const isOf = (row: OrderRow, { brokerOrderId, tag }: Order): boolean =>
  brokerOrderId === undefined ? row.tag !== undefined && row.tag === tag : row.brokerOrderId === brokerOrderId;
