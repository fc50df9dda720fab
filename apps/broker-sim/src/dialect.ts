/*
 * Kept small between the core and the dialects:
 * - `answer` has a fifth argument, the sessions, for dialects that hand out tickets; the others leave it out.
 * - `SimBook.instrument` also finds `SEGMENT|exchange token` (`NSE_EQ|3045`) and a bare token (shares of NSE first).
 */

import type { Instrument } from '#domain/instruments/instrument';
import type { OrderType, Side, Validity } from '#domain/orders/order';
import type { BrokerName } from '#brokers/client';

/** What can be asked of a simulated broker; faults are set by these names. */
export const OPERATIONS = [
  'profile',
  'place',
  'placeMany',
  'modify',
  'cancel',
  'order',
  'orders',
  'findByTag',
  'trades',
  'positions',
  'holdings',
  'funds',
  'margin',
  'authorizeFeed',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface SimRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SimReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/* -------------------------------------------------------------------------------------------------- the book */

/** An order as the simulated exchange has it. Prices in 1/10,000 rupee. */
export interface SimOrder {
  readonly brokerOrderId: string;
  readonly exchangeOrderId: string;
  readonly clientId: string;
  readonly tag?: string;
  readonly instrument: Instrument;
  readonly side: Side;
  /** As the request named it: products and symbols stay in the broker's words. */
  readonly product: string;
  readonly symbol: string;
  readonly orderType: OrderType;
  readonly quantity: number;
  readonly priceE4: number;
  readonly triggerPriceE4: number;
  readonly validity: Validity;
  readonly disclosedQuantity: number;
  readonly state: 'open' | 'trigger-wait' | 'complete' | 'cancelled' | 'rejected';
  /** Of a rejection. */
  readonly refusal?: Refusal;
  readonly filledQuantity: number;
  readonly averagePriceE4: number;
  readonly trades: readonly SimTrade[];
  readonly placedAtMs: number;
  readonly updatedAtMs: number;
  readonly modifications: number;
}

export interface SimTrade {
  readonly tradeId: string;
  readonly brokerOrderId: string;
  readonly quantity: number;
  readonly priceE4: number;
  readonly tradedAtMs: number;
}

/** Why the simulated broker says no; each dialect has its own code and text for it. */
export interface Refusal {
  readonly reason:
    | 'unknown-instrument'
    | 'lot-size'
    | 'tick-size'
    | 'price'
    | 'trigger-price'
    | 'tag'
    | 'product'
    | 'quantity'
    | 'freeze-quantity'
    | 'funds'
    | 'circuit'
    | 'market-protection'
    | 'not-found'
    | 'final-state'
    | 'too-many-modifications'
    | 'too-many-lines'
    | 'malformed';
  readonly detail: string;
  /** Our name of the field that is wrong. */
  readonly field?: string;
}

export interface SimPlace {
  readonly tag?: string;
  readonly instrument: Instrument;
  readonly symbol: string;
  readonly side: Side;
  readonly product: string;
  readonly orderType: OrderType;
  readonly quantity: number;
  readonly priceE4: number;
  readonly triggerPriceE4: number;
  readonly validity: Validity;
  readonly disclosedQuantity: number;
}

export type SimChange = Partial<
  Pick<SimPlace, 'orderType' | 'quantity' | 'priceE4' | 'triggerPriceE4' | 'validity' | 'disclosedQuantity'>
>;

export type Outcome =
  { readonly ok: true; readonly order: SimOrder } | { readonly ok: false; readonly refusal: Refusal };

/** One client with a session at one simulated broker. */
export interface SimClient {
  readonly clientId: string;
  /** What the adapter connects with, field by field, in the words of that broker's adapter. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly fundsE4: number;
}

/**
 * The book of one broker, as its dialect sees it. Synchronous: what was answered has happened.
 * `place` answers `ok: false` for what a broker refuses at once (malformed), and an order in state `rejected` for what
 * its risk system refuses later (funds, circuit), each broker after its own habit.
 */
export interface SimBook {
  readonly broker: BrokerName;
  place(client: SimClient, order: SimPlace): Outcome;
  modify(client: SimClient, brokerOrderId: string, change: SimChange): Outcome;
  cancel(client: SimClient, brokerOrderId: string): Outcome;
  order(client: SimClient, brokerOrderId: string): SimOrder | undefined;
  /** In the order of their placing. */
  orders(client: SimClient): readonly SimOrder[];
  trades(client: SimClient): readonly SimTrade[];
  /** By any name: canonical symbol, instrument key, or the broker's own symbol or token. */
  instrument(name: string): Instrument | undefined;
  lastPriceE4(instrumentKey: string): number | undefined;
  /** Margin blocked by open orders and positions, 1/10,000 rupee. */
  utilisedE4(client: SimClient): number;
  now(): number;
}

/* ------------------------------------------------------------------------------------------------- the dialect */

/** What a client did over a socket. */
export interface SimSocket {
  readonly client: SimClient;
  /** What the socket is for. */
  readonly purpose: 'orders' | 'prices' | 'both';
  send(frame: string | Buffer): void;
  /** Instruments that this client wants prices of, kept by the dialect. */
  readonly subscriptions: Map<string, { readonly instrument: Instrument; readonly mode: string }>;
}

/** How one broker speaks, on the server's side. Knows nothing of faults: they are put around it. */
export interface Dialect {
  readonly broker: BrokerName;
  /** Whose request this is; `undefined` when the token is not one that is valid now. */
  clientOf(request: SimRequest, sessions: Sessions): SimClient | undefined;
  /** `undefined`: there is no such path (404 in the broker's words comes from `notFound`). */
  operationOf(request: SimRequest): Operation | undefined;
  answer(operation: Operation, request: SimRequest, client: SimClient, book: SimBook, sessions?: Sessions): SimReply;
  /** In the broker's own words and status codes. */
  readonly unauthorised: SimReply;
  readonly throttled: SimReply;
  readonly serverError: SimReply;
  readonly notFound: SimReply;
  /** Requests a client may make in one calendar second, for the operations that count together. */
  readonly perSecond: { readonly orders: number; readonly reads: number };
  /** How many orders a request counts as: the lines of a multi-order. */
  weightOf(operation: Operation, request: SimRequest): number;
  /** Names of the credentials that a new client is given; `secret` is random text, unique to the client. */
  credentialsFor(clientId: string, secret: string): Readonly<Record<string, string>>;
  /** Which socket a path with these headers and query is, and whose; `undefined` refuses with 401. */
  socketOf(request: SimRequest, sessions: Sessions): { client: SimClient; purpose: SimSocket['purpose'] } | undefined;
  onSocketOpen(socket: SimSocket, book: SimBook): void;
  onSocketMessage(socket: SimSocket, data: Buffer, isBinary: boolean, book: SimBook): void;
  /** Frames that tell of an order that changed; Fyers and Angel One tell each trade as well. */
  orderFrames(order: SimOrder, trade: SimTrade | undefined, book: SimBook): readonly (string | Buffer)[];
  /** One frame with the present prices of what the socket follows. */
  priceFrame(socket: SimSocket, book: SimBook): string | Buffer | undefined;
  /** The same news as a postback: body and headers. */
  postback(
    order: SimOrder,
    client: SimClient,
    book: SimBook,
  ): { body: string; headers: Readonly<Record<string, string>> };
}

/** Clients by what their requests carry. */
export interface Sessions {
  /** By one field of the credentials: `byCredential('accessToken', token)`. Expired sessions are not found. */
  byCredential(field: string, value: string): SimClient | undefined;
  /** Short-lived codes that a REST call handed out for a socket; taken once. */
  issueTicket(client: SimClient): string;
  redeemTicket(ticket: string): SimClient | undefined;
}
