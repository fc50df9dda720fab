import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhenResult,
  isBrokenCircuitError,
  type RetryPolicy,
  retry,
} from 'cockatiel';
import type { Evidence, Order, OrderDetails, OrderTerms } from '#domain/orders/order';
import type { Again, Broker, BrokerAnswer, Dispatch, ReportListener, TagSearch } from './broker';
import { orderIn, tradesIn } from './books';
import { type Capabilities, unsupported } from './capabilities';
import type {
  BrokerClient,
  BrokerInstruments,
  DriftedRow,
  ErrorClass,
  OrderAtBroker,
  OrderRow,
  OrderToSend,
  PriceFeed,
  Read,
  Sent,
  TradeRow,
} from './client';
import type { Asked, Governor } from './governor';
import type { LastPrices } from './last-prices';
import { type Alarm, type OpenOrder, OrderFollower } from './order-follower';
import { carries, lacksTrades, reportsOfRow } from './row-reports';

export interface ConnectedBrokerOptions {
  readonly client: BrokerClient;
  readonly capabilities: Capabilities;
  readonly governor: Pick<Governor, 'admit' | 'weightMax' | 'close'>;
  readonly instruments: BrokerInstruments;
  readonly prices: LastPrices;
  readonly marketNowMs: () => number;
  readonly settleMs: number;
  /** What is open at this broker, as the log has it now. */
  readonly openOrders: () => Promise<readonly OpenOrder[]>;
  readonly reconcileMs: number;
  readonly now: () => number;
  readonly algoId?: string;
  readonly egressAddress?: string;
  /** The broker will not talk to this session or address any more. */
  readonly onLocked: (errorClass: 'auth' | 'address', evidence: Evidence) => void;
  readonly onAlarm: (kind: Alarm, evidence: Evidence) => void;
}

/** How long a call waits for its turn. */
const QUEUE_MS = 8_000;
const READ_QUEUE_MS = 5_000;
/** How long a price is waited for that nobody has followed yet. */
const PRICE_WAIT_MS = 1_500;
/** For how long a price is followed that nobody asks for any more. */
const FOLLOW_PRICE_MS = 600_000;
/** After so many calls in a row that did not come through, none is tried for a while. */
const BREAK_AFTER = 5;
const HALF_OPEN_AFTER_MS = 2_000;
const READ_ATTEMPTS = 3;
/** Strange rows that are remembered. */
const STRANGE_MAX = 1_000;
/** A change is in the book soon after it was accepted: when to look. */
const LOOK_AFTER_MS = [0, 150, 500];

/** One account's session at a real broker: the client, kept within the broker's limits and within what it can do. */
export class ConnectedBroker implements Broker {
  readonly name: string;
  readonly settleMs: number;
  readonly queueMs = QUEUE_MS;
  readonly algoId?: string;
  readonly egressAddress?: string;
  readonly follower: OrderFollower;
  private readonly circuit: CircuitBreakerPolicy;
  private readonly again: RetryPolicy;
  private waiting: Waiting[] = [];
  /** Reads of a book that wait for their turn. */
  private readonly shared = new Map<keyof Books, Promise<Read<unknown>>>();
  private readonly strange = new Set<string>();
  private priceFeed: PriceFeed | undefined;
  /** Instruments whose prices are followed, and when somebody last wanted them. */
  private readonly followed = new Map<string, number>();

  constructor(private readonly options: ConnectedBrokerOptions) {
    const { client, settleMs, algoId, egressAddress, openOrders, reconcileMs, now, onAlarm } = options;
    this.name = client.broker;
    this.settleMs = settleMs;
    if (algoId !== undefined) this.algoId = algoId;
    if (egressAddress !== undefined) this.egressAddress = egressAddress;
    this.circuit = circuitBreaker(
      handleWhenResult((answer) => isTrouble(answer as Sent)),
      { halfOpenAfter: HALF_OPEN_AFTER_MS, breaker: new ConsecutiveBreaker(BREAK_AFTER) },
    );
    this.again = retry(
      handleWhenResult((answer) => isPassing(answer as Read<unknown>)),
      { maxAttempts: READ_ATTEMPTS - 1, backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 2_000 }) },
    );
    this.follower = new OrderFollower({
      broker: client.broker,
      follow: (listener) => client.followOrders(listener),
      orders: () => this.book('orders', () => client.orders()),
      trades: () => this.book('trades', () => client.trades()),
      order: (id) => this.orderNow(id),
      tradesOf: (id) => this.tradesNow(id),
      openOrders,
      reconcileMs,
      now,
      onAlarm,
    });
  }

  marketNowMs(): number {
    return this.options.marketNowMs();
  }

  lastPriceE4(instrumentKey: string): number | undefined {
    return this.options.prices.of(instrumentKey);
  }

  async prepare(instrumentKeys: readonly string[]): Promise<void> {
    const { prices, instruments, client, onAlarm, now } = this.options;
    const wanted = instrumentKeys.filter((key) => instruments.of(key) !== undefined);
    for (const key of wanted) this.followed.set(key, now());
    const unknown = wanted.filter((key) => prices.of(key) === undefined);
    if (unknown.length === 0) return;
    this.priceFeed ??= client.followPrices({
      onTicks: (ticks) => {
        prices.take(ticks);
      },
      onDrift: (evidence) => {
        onAlarm('drift', evidence);
      },
      onState: (state) => {
        if (state.state === 'down') onAlarm('feed-down', state.evidence);
      },
    });
    for (const [key, askedAtMs] of this.followed) if (now() - askedAtMs > FOLLOW_PRICE_MS) this.followed.delete(key);
    const namesOf = (keys: readonly string[]) =>
      keys.map((key) => instruments.of(key)).filter((one) => one !== undefined);
    const all = [...this.followed.keys()];
    // One that is followed and has grown old is asked for anew: whoever begins to follow is told the present price.
    this.priceFeed.follow(namesOf(all.filter((key) => !unknown.includes(key))));
    this.priceFeed.follow(namesOf(all));
    await prices.known(unknown, PRICE_WAIT_MS);
  }

  refuses(order: Pick<OrderDetails, 'instrumentKey' | 'segment' | 'product' | 'orderType' | 'validity'>) {
    if (!this.options.instruments.of(order.instrumentKey)) return `${this.name} does not list ${order.instrumentKey}`;
    const field = unsupported(this.options.capabilities, order);
    return field === undefined ? undefined : `${this.name} does not take this ${field}`;
  }

  /** Orders that are placed at the same moment travel together where the broker takes several in one call. */
  place(dispatch: Dispatch, notAfterMs: number): Promise<BrokerAnswer> {
    return new Promise((resolve) => {
      this.waiting.push({ dispatch, notAfterMs, resolve });
      if (this.waiting.length === 1)
        setImmediate(() => {
          this.sendWaiting();
        });
    });
  }

  async modify(order: Order, terms: OrderTerms): Promise<BrokerAnswer> {
    const at = this.atBroker(order);
    if (!at) return NOT_THERE;
    const sent = await this.send(
      { kind: 'order', exchange: at.instrument.exchange, weight: 1, isExit: false, notAfterMs: this.turnBy() },
      () => this.options.client.modify(at, terms),
    );
    if (sent.outcome === 'unknown' || sent.outcome === 'notSent') return answerOf(sent);
    const isDone = (row: OrderRow): boolean => carries(row.terms, terms, order.terms) || isOver(row);
    const row = await this.lookUntil(at.brokerOrderId, isDone);
    if (row && isDone(row.row)) return { outcome: 'accepted', reports: reportsOfRow(row.row, row.trades) };
    return sent.outcome === 'rejected' ? answerOf(sent) : { outcome: 'accepted', reports: [] }; // the book will show it
  }

  async cancel(order: Order): Promise<BrokerAnswer> {
    const at = this.atBroker(order);
    if (!at) return NOT_THERE;
    const sent = await this.send(
      { kind: 'order', exchange: at.instrument.exchange, weight: 1, isExit: true, notAfterMs: this.turnBy() },
      () => this.options.client.cancel(at),
    );
    if (sent.outcome === 'unknown' || sent.outcome === 'notSent') return answerOf(sent);
    const row = await this.lookUntil(at.brokerOrderId, isOver);
    if (row && isOver(row.row)) return { outcome: 'accepted', reports: reportsOfRow(row.row, row.trades) };
    return sent.outcome === 'rejected' ? answerOf(sent) : { outcome: 'accepted', reports: [] };
  }

  async findByTag({ tag }: Dispatch): Promise<TagSearch> {
    const { client, capabilities, onAlarm } = this.options;
    const found =
      capabilities.findByTag === 'book'
        ? await this.book('orders', () => client.orders())
        : await this.read('read', () => client.findByTag(tag));
    if (found.outcome === 'failed') return { outcome: 'unknown', evidence: found.evidence };
    const rows = found.value.filter((row) => row.tag === tag);
    const [row] = rows;
    if (!row) return { outcome: 'absent' };
    if (rows.length > 1)
      onAlarm('duplicate', {
        code: 'DUPLICATE_TAG',
        message: `${tag} stands on ${rows.map(({ brokerOrderId }) => brokerOrderId).join(', ')}`,
      });
    const trades = row.filledQuantity > 0 ? await this.tradesNow(row.brokerOrderId) : NONE;
    if (trades.outcome === 'failed') return { outcome: 'unknown', evidence: trades.evidence };
    const evidence = { code: 'FOUND_BY_TAG', message: `${tag} is order ${row.brokerOrderId}, ${row.rawState}` };
    return { outcome: 'found', reports: reportsOfRow(row, trades.value, evidence) };
  }

  subscribe(listener: ReportListener): () => Promise<void> {
    return this.follower.start(listener);
  }

  async close(): Promise<void> {
    this.options.governor.close();
    await this.priceFeed?.close();
  }

  private sendWaiting(): void {
    const { client, capabilities, instruments, governor } = this.options;
    const due = this.waiting;
    this.waiting = [];
    const lines: Line[] = [];
    for (const one of due) {
      const { details, terms, tag, algoId } = one.dispatch;
      const instrument = instruments.of(details.instrumentKey);
      if (!instrument) {
        one.resolve({ outcome: 'notSent', evidence: notListed(details), again: 'elsewhere' });
        continue;
      }
      const { side, product } = details;
      lines.push({ ...one, order: { instrument, side, product, terms, tag, ...(algoId !== undefined && { algoId }) } });
    }
    // One exchange a call, because orders are counted by exchange; and exits by themselves, because they go first.
    const together = ({ product }: OrderToSend): boolean => capabilities.multiPlaceProducts.includes(product);
    const keyOf = ({ order, dispatch }: Line): string =>
      [order.instrument.exchange, together(order), dispatch.isExit === true].join(' ');
    for (const group of groupBy(lines, keyOf)) {
      const exchange = group[0]?.order.instrument.exchange ?? 'NSE';
      const isExit = group.every(({ dispatch }) => dispatch.isExit === true);
      const admitted = governor.weightMax({ kind: 'order', exchange, isExit });
      const isMulti = client.placeMany && group.every(({ order }) => together(order));
      const max = isMulti ? Math.max(1, Math.min(capabilities.multiPlaceMax, admitted)) : 1;
      for (let from = 0; from < group.length; from += max) void this.sendPart(group.slice(from, from + max));
    }
  }

  private async sendPart(part: readonly Line[]): Promise<void> {
    const { client } = this.options;
    const [first] = part;
    if (!first) return;
    const asked: Asked = {
      kind: 'order',
      exchange: first.order.instrument.exchange,
      weight: part.length,
      isExit: part.every(({ dispatch }) => dispatch.isExit === true),
      notAfterMs: Math.min(...part.map(({ notAfterMs }) => notAfterMs)),
    };
    const orders = part.map(({ order }) => order);
    let answers: readonly Sent[];
    let callMs: number | undefined;
    const noteTime = (ms: number): void => {
      callMs = ms;
    };
    try {
      answers =
        part.length > 1 && client.placeMany
          ? await this.sendMany(asked, orders, noteTime)
          : [
              await this.send(
                asked,
                timed(() => client.place(first.order), noteTime),
              ),
            ];
    } catch (error) {
      // A fault of ours, somewhere on the way: whether it was sent is not known.
      const message = error instanceof Error ? error.message : String(error);
      answers = part.map(() => ({ outcome: 'unknown', evidence: { code: 'CALL_FAILED', message } }));
    }
    part.forEach((one, index) => {
      one.resolve({ ...answerOf(answers[index] ?? SILENT), ...(callMs !== undefined && { callMs }) });
    });
  }

  private async sendMany(
    asked: Asked,
    orders: readonly OrderToSend[],
    noteTime: (ms: number) => void,
  ): Promise<readonly Sent[]> {
    let answers: readonly Sent[] = [];
    const call = async (): Promise<Sent> => {
      answers = (await this.options.client.placeMany?.(orders)) ?? [];
      return answers.find(isTrouble) ?? answers[0] ?? SILENT;
    };
    const first = await this.send(asked, timed(call, noteTime));
    return answers.length === orders.length ? answers : orders.map(() => first);
  }

  /** A mutating call: in its turn, unless the broker has not been coming through, and never too late. */
  private async send(asked: Asked, call: () => Promise<Sent>): Promise<Sent> {
    const admission = await this.options.governor.admit(asked);
    if (!admission.admitted)
      return {
        outcome: 'notSent',
        errorClass: 'throttled',
        evidence: admission.evidence,
        retryAfterMs: admission.retryAfterMs,
      };
    if (this.options.now() > asked.notAfterMs)
      return {
        outcome: 'notSent',
        errorClass: 'throttled',
        evidence: { code: 'TOO_LATE', message: 'waited too long' },
      };
    try {
      const sent = await this.circuit.execute(call);
      if (sent.outcome !== 'accepted' && sent.outcome !== 'unknown') this.noteLock(sent.errorClass, sent.evidence);
      return sent;
    } catch (error) {
      if (isBrokenCircuitError(error))
        return {
          outcome: 'notSent',
          errorClass: 'transient',
          evidence: { code: 'CIRCUIT_OPEN', message: `${this.name} has not been coming through` },
          retryAfterMs: HALF_OPEN_AFTER_MS,
        };
      throw error;
    }
  }

  private async read<Value>(kind: 'read' | 'book', call: () => Promise<Read<Value>>): Promise<Read<Value>> {
    const { governor, now } = this.options;
    const answer = await this.again.execute(async (): Promise<Read<Value>> => {
      const notAfterMs = now() + READ_QUEUE_MS;
      const admission = await governor.admit({ kind, weight: 1, isExit: false, notAfterMs });
      return admission.admitted
        ? call()
        : {
            outcome: 'failed',
            errorClass: 'throttled',
            evidence: admission.evidence,
            retryAfterMs: admission.retryAfterMs,
          };
    });
    if (answer.outcome === 'failed') this.noteLock(answer.errorClass, answer.evidence);
    else for (const row of answer.drifted ?? []) this.noteStrange(row);
    return answer;
  }

  /** A row of somebody else's making that we cannot read, told once. */
  private noteStrange({ code, message, brokerOrderId }: DriftedRow): void {
    const key = `${brokerOrderId ?? ''} ${message ?? ''}`;
    if (this.strange.has(key)) return;
    if (this.strange.size < STRANGE_MAX) this.strange.add(key);
    this.options.onAlarm('drift', { ...(code !== undefined && { code }), ...(message !== undefined && { message }) });
  }

  private async orderNow(brokerOrderId: string): Promise<Read<OrderRow | undefined>> {
    const { client, capabilities } = this.options;
    if (capabilities.readOne === 'call') return this.read('read', () => client.order(brokerOrderId));
    return orderIn(await this.book('orders', () => client.orders()), brokerOrderId);
  }

  private async tradesNow(brokerOrderId: string): Promise<Read<readonly TradeRow[]>> {
    const { client, capabilities } = this.options;
    if (capabilities.readOne === 'call') return this.read('read', () => client.tradesOf(brokerOrderId));
    return tradesIn(await this.book('trades', () => client.trades()), brokerOrderId);
  }

  /** Whoever asks while a read waits for its turn shares its answer; a read that is on its way may be too old for them. */
  private book<Name extends keyof Books>(name: Name, call: () => Promise<Books[Name]>): Promise<Books[Name]>;
  private book(name: keyof Books, call: () => Promise<Read<unknown>>): Promise<Read<unknown>> {
    const shared = this.shared.get(name);
    if (shared) return shared;
    const leave = (): void => {
      if (this.shared.get(name) === reading) this.shared.delete(name);
    };
    const reading: Promise<Read<unknown>> = this.read('book', () => {
      leave();
      return call();
    }).finally(leave);
    this.shared.set(name, reading);
    return reading;
  }

  private noteLock(errorClass: ErrorClass, evidence: Evidence): void {
    if (errorClass === 'auth' || errorClass === 'address') this.options.onLocked(errorClass, evidence);
    if (errorClass === 'drift') this.options.onAlarm('drift', evidence);
  }

  /** Looks at an order until it is as expected, or for as long as a client may be kept waiting. */
  private async lookUntil(
    brokerOrderId: string,
    isExpected: (row: OrderRow) => boolean,
  ): Promise<{ row: OrderRow; trades: readonly TradeRow[] } | undefined> {
    let seen: { row: OrderRow; trades: readonly TradeRow[] } | undefined;
    for (const afterMs of LOOK_AFTER_MS) {
      if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
      const read = await this.orderNow(brokerOrderId);
      if (read.outcome === 'failed' || !read.value) continue;
      const row = read.value;
      const trades = row.filledQuantity > 0 ? await this.tradesNow(brokerOrderId) : NONE;
      if (trades.outcome === 'failed') continue;
      seen = { row, trades: trades.value };
      if (isExpected(row) && !lacksTrades(row, trades.value)) return seen;
    }
    return seen;
  }

  private atBroker({ brokerOrderId, details, terms }: Order): OrderAtBroker | undefined {
    const instrument = details && this.options.instruments.of(details.instrumentKey);
    if (brokerOrderId === undefined || !instrument) return undefined;
    return { brokerOrderId, instrument, side: details.side, product: details.product, terms };
  }

  private turnBy(): number {
    return this.options.now() + QUEUE_MS;
  }
}

interface Books {
  readonly orders: Read<readonly OrderRow[]>;
  readonly trades: Read<readonly TradeRow[]>;
}

interface Waiting {
  readonly dispatch: Dispatch;
  readonly notAfterMs: number;
  readonly resolve: (answer: BrokerAnswer) => void;
}
type Line = Waiting & { readonly order: OrderToSend };

/** The same call, which tells how long it took. */
const timed =
  <Value>(call: () => Promise<Value>, noteTime: (ms: number) => void) =>
  async (): Promise<Value> => {
    const startedAt = performance.now();
    try {
      return await call();
    } finally {
      noteTime(performance.now() - startedAt);
    }
  };

const NONE: Read<readonly TradeRow[]> = { outcome: 'ok', value: [] };

const NOT_THERE: BrokerAnswer = {
  outcome: 'notSent',
  evidence: {
    code: 'NOT_AT_BROKER',
    message: 'the broker never gave this order an id, or no longer lists its instrument',
  },
};

const SILENT: Sent = {
  outcome: 'unknown',
  evidence: { code: 'NO_ANSWER_FOR_LINE', message: 'the broker did not answer for this line' },
};

const notListed = ({ instrumentKey }: OrderDetails): Evidence => ({
  code: 'NOT_LISTED',
  message: `the broker does not list ${instrumentKey}`,
});

/** It did not come through, or not so that we would know. */
const isTrouble = (sent: Sent): boolean =>
  sent.outcome === 'unknown' || (sent.outcome === 'notSent' && sent.errorClass === 'transient');

/** Worth reading again. */
const isPassing = (read: Read<unknown>): boolean =>
  read.outcome === 'failed' && (read.errorClass === 'transient' || read.errorClass === 'throttled');

const isOver = ({ state }: OrderRow): boolean =>
  state === 'FILLED' || state === 'CANCELLED' || state === 'REJECTED' || state === 'EXPIRED';

const answerOf = (sent: Sent): BrokerAnswer => {
  switch (sent.outcome) {
    case 'accepted': {
      const { brokerOrderId, evidence } = sent;
      return { outcome: 'accepted', reports: [{ kind: 'new', brokerOrderId, ...(evidence && { evidence }) }] };
    }
    case 'rejected':
      return { outcome: 'rejected', evidence: sent.evidence };
    case 'unknown':
      return sent;
    case 'notSent':
      return {
        outcome: 'notSent',
        evidence: sent.evidence,
        again: againOf(sent.errorClass),
        ...(sent.retryAfterMs !== undefined && { retryAfterMs: sent.retryAfterMs }),
      };
  }
};

const againOf = (errorClass: ErrorClass): Again => {
  if (errorClass === 'transient' || errorClass === 'throttled') return 'here';
  return errorClass === 'auth' || errorClass === 'address' || errorClass === 'closed-hours' ? 'elsewhere' : 'nowhere';
};

const groupBy = <One>(all: readonly One[], keyOf: (one: One) => string): readonly (readonly One[])[] => {
  const groups = new Map<string, One[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups.values()];
};
