import type { ExecutionReport, Order, OrderDetails, OrderTerms } from '#domain/orders/order';
import type { Again, Broker, BrokerAnswer, Dispatch, ReportListener, TagSearch } from '#brokers/broker';

/**
 * What becomes of one call.
 *
 * - `accept`: done and said so; a placed order trades `fills` at once.
 * - `reject`: refused and said so. `not-sent`: it never left the house.
 * - `lose`: silence, and nothing arrived. `swallow`: silence, but it was done. `late`: done, the answer comes only
 *   when nobody waits any more. `throw`: the adapter itself fails after it was done.
 */
export type Reaction =
  | { readonly kind: 'accept'; readonly fills?: readonly number[] }
  | { readonly kind: 'reject' | 'not-sent' | 'lose' | 'swallow' | 'late' | 'throw' };

export interface RecordedCall {
  readonly call: 'place' | 'modify' | 'cancel' | 'find';
  readonly orderId: string;
  readonly tag?: string;
}

/** An order as this broker's exchange has it. */
export interface Booked {
  readonly details: OrderDetails;
  readonly tag: string;
  readonly brokerOrderId: string;
  readonly trades: readonly Extract<ExecutionReport, { kind: 'trade' }>[];
  terms: OrderTerms;
  replaced: boolean;
  status: 'working' | 'filled' | 'cancelled' | 'expired';
}

const evidence = { code: 'RECORDED', message: 'as the recording broker was told' };

/**
 * A fake broker that writes down every call and answers as it is told. Its exchange outlives the process that talks to
 * it: hand the same one to the next `WriteSide`. Like a real one it tells a new listener everything about its orders
 * again.
 */
export class RecordingBroker implements Broker {
  /** An order that did not arrive at once will not arrive. */
  settleMs = 0;
  readonly calls: RecordedCall[] = [];
  readonly book = new Map<string, Booked>();
  private readonly arrivals = new Map<string, number>();
  /** What the clock of its market shows: 2 January 2026, 10:00 IST. */
  marketMs = Date.UTC(2026, 0, 2, 4, 30);
  /** Last price of every instrument. */
  priceE4 = 14_120_000;
  /** What it says of an order that was not sent. */
  again: Again = 'nowhere';
  onPlace: (dispatch: Dispatch) => Reaction = () => ({ kind: 'accept' });
  onModify: (order: Order) => Reaction = () => ({ kind: 'accept' });
  onCancel: (order: Order) => Reaction = () => ({ kind: 'accept' });
  /** Whether the book can be asked for a tag. */
  canSearch = true;
  private readonly listeners = new Set<ReportListener>();
  private trades = 0;

  constructor(readonly name = 'recording') {}

  marketNowMs(): number {
    return this.marketMs;
  }

  lastPriceE4(): number {
    return this.priceE4;
  }

  place(dispatch: Dispatch): Promise<BrokerAnswer> {
    const { details, terms, tag } = dispatch;
    this.calls.push({ call: 'place', orderId: details.orderId, tag });
    const reaction = this.onPlace(dispatch);
    return this.answer(reaction, () => {
      this.arrivals.set(details.orderId, this.timesArrived(details.orderId) + 1);
      const booked: Booked = {
        details,
        tag,
        brokerOrderId: `R-${tag}`,
        trades: [],
        terms,
        replaced: false,
        status: 'working',
      };
      this.book.set(details.orderId, booked);
      for (const quantity of reaction.kind === 'accept' ? (reaction.fills ?? []) : []) this.trade(booked, quantity);
      return reportsOf(booked);
    });
  }

  modify(order: Order, terms: OrderTerms): Promise<BrokerAnswer> {
    const booked = this.known(order);
    this.calls.push({ call: 'modify', orderId: booked?.details.orderId ?? '' });
    if (booked?.status !== 'working') return Promise.resolve({ outcome: 'rejected', evidence });
    return this.answer(this.onModify(order), () => {
      booked.terms = terms;
      booked.replaced = true;
      return [{ kind: 'replaced', terms }];
    });
  }

  cancel(order: Order): Promise<BrokerAnswer> {
    const booked = this.known(order);
    this.calls.push({ call: 'cancel', orderId: booked?.details.orderId ?? '' });
    if (booked?.status !== 'working') return Promise.resolve({ outcome: 'rejected', evidence });
    return this.answer(this.onCancel(order), () => {
      booked.status = 'cancelled';
      return [{ kind: 'cancelled', reason: 'requested' }];
    });
  }

  findByTag({ details, tag }: Dispatch): Promise<TagSearch> {
    this.calls.push({ call: 'find', orderId: details.orderId, tag });
    if (!this.canSearch) return Promise.resolve({ outcome: 'unknown', evidence });
    const booked = this.book.get(details.orderId);
    return Promise.resolve(
      booked?.tag === tag ? { outcome: 'found', reports: reportsOf(booked) } : { outcome: 'absent' },
    );
  }

  subscribe(listener: ReportListener): () => Promise<void> {
    this.listeners.add(listener);
    const told = Promise.all([...this.book.values()].map((booked) => tell(listener, booked)));
    return async () => {
      this.listeners.delete(listener);
      await told;
    };
  }

  /** It has its own book and needs not be told. */
  resume(): void {
    return undefined;
  }

  /** The exchange fills (a part of) an order and tells whoever listens. Rejects when a listener does. */
  async fill(orderId: string, quantity: number, priceE4 = this.priceE4): Promise<void> {
    const booked = this.bookedOf(orderId);
    this.trade(booked, quantity, priceE4);
    await this.tellAll(booked);
  }

  /** The exchange ends an order by itself. */
  async end(orderId: string, status: 'cancelled' | 'expired'): Promise<void> {
    const booked = this.bookedOf(orderId);
    booked.status = status;
    await this.tellAll(booked);
  }

  /** How often each order was sent. */
  timesPlaced(orderId: string): number {
    return this.calls.filter(({ call, orderId: of }) => call === 'place' && of === orderId).length;
  }

  /** How often each order reached the exchange: what must never be more than once. */
  timesArrived(orderId: string): number {
    return this.arrivals.get(orderId) ?? 0;
  }

  private async tellAll(booked: Booked): Promise<void> {
    for (const listener of this.listeners) await tell(listener, booked);
  }

  private bookedOf(orderId: string): Booked {
    const booked = this.book.get(orderId);
    if (!booked) throw new Error(`the recording broker has no order ${orderId}`);
    return booked;
  }

  private known({ details }: Order): Booked | undefined {
    return details && this.book.get(details.orderId);
  }

  private trade(booked: Booked, quantity: number, priceE4 = this.priceE4): void {
    this.trades += 1;
    const tradeId = `T${String(this.trades)}`;
    const trades = [
      ...booked.trades,
      { kind: 'trade', tradeId, quantity, priceE4, tradedAt: 1_767_325_500_000 } as const,
    ];
    const filled = trades.reduce((sum, trade) => sum + trade.quantity, 0);
    this.book.set(booked.details.orderId, Object.assign(booked, { trades }));
    if (filled >= booked.terms.quantity) booked.status = 'filled';
  }

  private async answer(reaction: Reaction, done: () => readonly ExecutionReport[]): Promise<BrokerAnswer> {
    await new Promise(setImmediate); // an answer comes over the wire, never at once
    switch (reaction.kind) {
      case 'accept':
        return { outcome: 'accepted', reports: done() };
      case 'reject':
        return { outcome: 'rejected', evidence };
      case 'not-sent':
        return { outcome: 'notSent', evidence, again: this.again };
      case 'lose':
        return { outcome: 'unknown', evidence };
      case 'swallow':
        done();
        return { outcome: 'unknown', evidence };
      case 'late':
        done();
        return new Promise(() => undefined);
      case 'throw':
        done();
        throw new Error('the adapter of the recording broker fell over');
    }
  }
}

/** All that the broker's book says about an order now. */
const reportsOf = ({ brokerOrderId, trades, terms, replaced, status }: Booked): readonly ExecutionReport[] => [
  { kind: 'new', brokerOrderId },
  ...(replaced ? [{ kind: 'replaced', terms } as const] : []),
  ...trades,
  ...(status === 'cancelled' ? [{ kind: 'cancelled', reason: 'requested' } as const] : []),
  ...(status === 'expired' ? [{ kind: 'expired' } as const] : []),
];

const tell = (listener: ReportListener, booked: Booked): Promise<void> =>
  listener(booked.details, reportsOf(booked), 'broker-recording');
