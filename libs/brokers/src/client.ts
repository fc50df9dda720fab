import type { Exchange, Segment } from '#domain/instruments/instrument';
import type { Evidence, OrderTerms, Product, Side } from '#domain/orders/order';

/** The brokers that have an adapter of their own, in the order of the files. */
export const BROKER_NAMES = ['upstox', 'zerodha', 'fyers', 'angelone'] as const;
export type BrokerName = (typeof BROKER_NAMES)[number];

/* ------------------------------------------------------------------------------------------------ instruments */

/**
 * An instrument in the words of one broker.
 *
 * - `symbol`: Upstox: the instrument key itself (`NSE_EQ|INE002A01018`); Zerodha, Fyers, Angel One: exchange and symbol
 *   as in their master files (`NSE:RELIANCE`, `NFO:NIFTY26JANFUT`, `NSE:SBIN-EQ`).
 * - `token`: the broker's number for it; Upstox has none and repeats the instrument key.
 */
export interface BrokerInstrument {
  readonly instrumentKey: string;
  readonly exchange: Exchange;
  readonly segment: Segment;
  readonly symbol: string;
  readonly token: string;
  readonly lotSize?: number;
}

/** Today's instruments in the words of one broker. */
export interface BrokerInstruments {
  /** `undefined` when the broker does not list it. */
  of(instrumentKey: string): BrokerInstrument | undefined;
  /** The other way: by `symbol` as above. */
  bySymbol(symbol: string): BrokerInstrument | undefined;
}

/* ---------------------------------------------------------------------------------------------------- answers */

/**
 * What kind of no it was, whatever the broker calls it: `auth` the session is over; `address` our egress address is not
 * registered; `throttled` too fast; `transient` its own trouble; `funds`, `risk` and `validation` are final for this
 * order; `final-state` the order is over; `drift` the answer is not what the broker documents.
 */
export type ErrorClass =
  | 'auth'
  | 'address'
  | 'throttled'
  | 'transient'
  | 'closed-hours'
  | 'entitlement'
  | 'funds'
  | 'risk'
  | 'validation'
  | 'not-found'
  | 'final-state'
  | 'drift';

/**
 * What a mutating call came to. `notSent` proves that nothing happened at the broker: a refused connection, our own
 * limiter, or an answer that excludes execution (throttled, session over, address refused). Every silence, every 5xx and
 * every answer that cannot be read is `unknown`.
 */
export type Sent =
  | { readonly outcome: 'accepted'; readonly brokerOrderId: string; readonly evidence?: Evidence }
  | { readonly outcome: 'rejected'; readonly errorClass: ErrorClass; readonly evidence: Evidence }
  | { readonly outcome: 'unknown'; readonly evidence: Evidence }
  | {
      readonly outcome: 'notSent';
      readonly errorClass: ErrorClass;
      readonly evidence: Evidence;
      readonly retryAfterMs?: number;
    };

/** What a reading call came to. */
export type Read<Value> =
  | {
      readonly outcome: 'ok';
      readonly value: Value;
      /**
       * Rows of a book that could not be read: orders that are not ours, trades of one order, positions, holdings. Named by
       * field and row; the value is complete for all others.
       */
      readonly drifted?: readonly DriftedRow[];
    }
  | {
      readonly outcome: 'failed';
      readonly errorClass: ErrorClass;
      readonly evidence: Evidence;
      readonly retryAfterMs?: number;
    };

/** A row that was left out of a book, and why. */
export interface DriftedRow extends Evidence {
  /** The order that it is, or that it is a trade of, where that could be read. */
  readonly brokerOrderId?: string;
}

/* ------------------------------------------------------------------------------------------------- what is sent */

export interface OrderToSend {
  readonly instrument: BrokerInstrument;
  readonly side: Side;
  readonly product: Product;
  readonly terms: OrderTerms;
  /** At most 19 characters A–Z, 0–9: what all brokers keep unchanged. */
  readonly tag: string;
  /** Of a registered algorithm, where the broker takes one. */
  readonly algoId?: string;
}

/** An order that the broker has, with its terms as they are now. */
export interface OrderAtBroker {
  readonly brokerOrderId: string;
  readonly instrument: BrokerInstrument;
  readonly side: Side;
  readonly product: Product;
  readonly terms: OrderTerms;
}

/* ------------------------------------------------------------------------------------------------- what is read */

/** One word for each broker's many. `UNKNOWN` is a word that we do not know yet: never an error and never terminal. */
export type BrokerOrderState =
  | 'PENDING_ACK'
  | 'QUEUED_AMO'
  | 'WORKING'
  | 'TRIGGER_WAIT'
  | 'MODIFY_PENDING'
  | 'CANCEL_PENDING'
  | 'FILLED'
  | 'CANCELLED'
  | 'REJECTED'
  | 'EXPIRED'
  | 'UNKNOWN';

/** An order as the broker's book, its order socket or its postback has it. Prices in 1/10,000 rupee, ids always text. */
export interface OrderRow {
  readonly brokerOrderId: string;
  readonly exchangeOrderId?: string;
  readonly tag?: string;
  /** As in `BrokerInstrument.symbol`. */
  readonly symbol: string;
  readonly side: Side;
  /** Absent where the broker's word has no counterpart here. */
  readonly product?: Product;
  readonly state: BrokerOrderState;
  /** The broker's own word. */
  readonly rawState: string;
  readonly terms: OrderTerms;
  readonly filledQuantity: number;
  /** Rounded to 1/10,000 rupee; absent before the first trade. */
  readonly averagePriceE4?: number;
  /** Why it was rejected or cancelled, in the broker's words. */
  readonly evidence?: Evidence;
  /** Epoch milliseconds: the last thing that happened to it, as the exchange or else the broker dates it. */
  readonly updatedAtMs?: number;
}

export interface TradeRow {
  readonly tradeId: string;
  readonly brokerOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly quantity: number;
  readonly priceE4: number;
  /** Epoch milliseconds. */
  readonly tradedAtMs: number;
}

export interface PositionRow {
  readonly symbol: string;
  readonly product?: Product;
  /** Signed: short is negative. */
  readonly quantity: number;
  readonly averagePriceE4: number;
}

export interface HoldingRow {
  readonly symbol: string;
  readonly isin?: string;
  readonly quantity: number;
  readonly averagePriceE4: number;
}

/** Cash that can be traded with, by each broker's own formula; the totals that brokers print are not comparable. */
export interface Funds {
  readonly availableE4: number;
  readonly utilisedE4: number;
}

export interface Profile {
  /** The broker's name for its client: what a connection is checked against. */
  readonly clientId: string;
  readonly name?: string;
}

export interface PriceTick {
  readonly instrumentKey: string;
  readonly lastPriceE4: number;
  /** Epoch milliseconds of the last trade, or of the frame where the broker dates no trade. */
  readonly atMs: number;
  readonly volume?: number;
  readonly bidE4?: number;
  readonly askE4?: number;
}

/* ------------------------------------------------------------------------------------------------------- feeds */

/** What a feed tells besides its contents. `up` after the broker confirmed; `down` with the reason. */
export type FeedState =
  { readonly state: 'up' } | { readonly state: 'down'; readonly errorClass: ErrorClass; readonly evidence: Evidence };

export interface OrderFeedListener {
  /** Full rows of orders that have changed, and trades where the socket carries them (Fyers, Angel One). */
  onRows(rows: readonly OrderRow[], trades: readonly TradeRow[]): void;
  /** A frame that could not be read: by field. */
  onDrift(evidence: Evidence): void;
  onState(state: FeedState): void;
}

export interface PriceFeedListener {
  onTicks(ticks: readonly PriceTick[]): void;
  onDrift(evidence: Evidence): void;
  onState(state: FeedState): void;
}

export interface Feed {
  /** Resolves when nothing more is told. */
  close(): Promise<void>;
}

export interface PriceFeed extends Feed {
  /** The whole wanted set; the feed works out what to add and what to drop. */
  follow(instruments: readonly BrokerInstrument[]): void;
}

/* -------------------------------------------------------------------------------------------------- the client */

/**
 * One client's session at one broker, on the wire. No method throws for what a broker answered or did not answer; each
 * call is made once: whether it is made again is decided by whoever called.
 */
export interface BrokerClient {
  readonly broker: BrokerName;
  /** Asks the broker whose session this is. */
  validate(): Promise<Read<Profile>>;
  place(order: OrderToSend): Promise<Sent>;
  /** At most `capabilities.multiPlaceMax` orders, answered in their order. Only where the broker has such a call. */
  placeMany?(orders: readonly OrderToSend[]): Promise<readonly Sent[]>;
  modify(order: OrderAtBroker, terms: OrderTerms): Promise<Sent>;
  cancel(order: OrderAtBroker): Promise<Sent>;
  /** Every order of today with that tag. Where the broker cannot search, the whole book is read. */
  findByTag(tag: string): Promise<Read<readonly OrderRow[]>>;
  /** `value` is `undefined` when the broker has no such order. */
  order(brokerOrderId: string): Promise<Read<OrderRow | undefined>>;
  orders(): Promise<Read<readonly OrderRow[]>>;
  trades(): Promise<Read<readonly TradeRow[]>>;
  tradesOf(brokerOrderId: string): Promise<Read<readonly TradeRow[]>>;
  positions(): Promise<Read<readonly PositionRow[]>>;
  holdings(): Promise<Read<readonly HoldingRow[]>>;
  funds(): Promise<Read<Funds>>;
  /** Margin that the broker would ask for these orders together, in 1/10,000 rupee. */
  margin(orders: readonly OrderToSend[]): Promise<Read<number>>;
  followOrders(listener: OrderFeedListener): Feed;
  followPrices(listener: PriceFeedListener): PriceFeed;
}

/** Secrets and names that a broker wants, by field. Never leaves memory unencrypted. */
export type Credentials = Readonly<Record<string, string>>;

/** Where a broker listens. */
export interface Endpoints {
  readonly rest: string;
  /** Where single orders go, if elsewhere. */
  readonly orders: string;
  readonly orderFeed: string;
  readonly priceFeed: string;
}

/** What a postback is worth. `hint`: not signed, so it only says where to look. */
export type Postback =
  | { readonly kind: 'order'; readonly row: OrderRow }
  | { readonly kind: 'hint'; readonly brokerOrderId: string }
  | { readonly kind: 'refused'; readonly evidence: Evidence };

export interface ClientOptions {
  readonly endpoints: Endpoints;
  readonly credentials: Credentials;
  readonly instruments: BrokerInstruments;
  /** Of one call, all included. */
  readonly timeoutMs: number;
  readonly now: () => number;
  /** Local address that order calls leave from; the default route without. */
  readonly egressAddress?: string;
}

/** One broker's dialect. The folder of each holds the same files. */
export interface BrokerAdapter {
  readonly broker: BrokerName;
  /** The real hosts, or everything at one base URL (`http://127.0.0.1:3901`). */
  endpoints(baseUrl?: string): Endpoints;
  /** @throws CredentialsError naming each field that is missing or makes no sense; never a value. */
  readCredentials(input: Readonly<Record<string, unknown>>): Credentials;
  /** When a session that was opened now is over by the broker's rules, epoch milliseconds. */
  sessionEndsAt(nowMs: number, credentials: Credentials): number;
  open(options: ClientOptions): BrokerClient;
  /** @param body as it came on the wire. */
  readPostback(body: string, credentials: Credentials): Postback;
}

/** Credentials that cannot be what the broker gave out; names fields, never values. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
  constructor(readonly fields: readonly { readonly field: string; readonly message: string }[]) {
    super(fields.map(({ field, message }) => `${field} ${message}`).join('; '));
  }
}
