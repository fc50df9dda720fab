/** What each broker can take, as data. Rules that changed on a date are tables: yesterday is answered as yesterday was. */

import type { Exchange, Segment } from '#domain/instruments/instrument';
import type { OrderType, Product, Validity } from '#domain/orders/order';
import type { BrokerName } from './client';

/** At most `max` calls in any stretch of `windowMs`. */
export interface Window {
  readonly max: number;
  readonly windowMs: number;
}

/** Every window that a broker, or the exchange behind it, has published. A call counts in all that name it. */
export interface Limits {
  /** Place, modify and cancel together. */
  readonly orders: readonly Window[];
  /** Of these, what goes to one exchange: above it an algorithm must be registered there. */
  readonly ordersPerExchange: readonly Window[];
  /** Whatever only asks; a read of the book is one too. */
  readonly reads: readonly Window[];
  /** Order book, trade book, positions, holdings, funds: what brokers ration most. */
  readonly book: readonly Window[];
  /** Calls of any kind. */
  readonly all: readonly Window[];
}

/**
 * How sure we are of a fact: `official` the broker or the regulator says so; `unconfirmed` sources differ, or
 * nobody has tried. Of two figures the stricter one is in force here.
 */
export interface Fact {
  readonly fact: string;
  readonly certainty: 'official' | 'unconfirmed';
}

export interface Capabilities {
  readonly broker: BrokerName | 'paper';
  /** Orders in one call; 0 where each needs its own. */
  readonly multiPlaceMax: number;
  /** What such a call takes; the others go one by one. */
  readonly multiPlaceProducts: readonly Product[];
  /** Whether the broker looks a tag up, or the whole book has to be read for it. */
  readonly findByTag: 'search' | 'book';
  /** Whether one order can be read by itself, or the whole book has to be read for it. */
  readonly readOne: 'call' | 'book';
  /** Of one order, in its whole life; absent where nobody counts. */
  readonly modificationsMax?: number;
  readonly exchanges: readonly Exchange[];
  readonly segments: readonly Segment[];
  readonly products: readonly Product[];
  readonly orderTypes: readonly OrderType[];
  /** By segment; one that is missing is not traded there. */
  readonly validities: Readonly<Partial<Record<Segment, readonly Validity[]>>>;
  /** How long after a call an order that is not in the book is proven absent. */
  readonly settleMs: number;
  /** Whether a postback proves who sent it. Where not, it only says where to look. */
  readonly signedPostbacks: boolean;
  readonly limits: Limits;
  readonly facts: readonly Fact[];
}

/** A value for each time, oldest first: in force from its day on, `YYYY-MM-DD` in IST. */
type Dated<Value> = readonly { readonly from: string; readonly value: Value }[];

const FIRST_DAY = '0000-01-01';
const always = <Value>(value: Value): Dated<Value> => [{ from: FIRST_DAY, value }];

const inForce = <Value>(table: Dated<Value>, day: string): Value => {
  const row = table.findLast(({ from }) => from <= day);
  if (row === undefined) throw new RangeError(`no rule is known for ${day}: days look like 2026-11-21`);
  return row.value;
};

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const perSecond = (max: number): Window => ({ max, windowMs: SECOND_MS });
const perMinute = (max: number): Window => ({ max, windowMs: MINUTE_MS });
const perHour = (max: number): Window => ({ max, windowMs: HOUR_MS });
const perDay = (max: number): Window => ({ max, windowMs: DAY_MS });

/**
 * Ours: no broker says how long an order that it took may be missing from its book. A broker that took a request gives
 * it a row within a second or so; a request may have waited in front of it for as long as we waited for the answer, which
 * is 5 s; Zerodha advises to look for several seconds. Twice the wait is the smallest round figure that covers both.
 */
const SETTLE_MS = 10_000;

const ALL_PRODUCTS: readonly Product[] = ['CNC', 'MIS', 'NRML', 'MTF'];
const ALL_ORDER_TYPES: readonly OrderType[] = ['MARKET', 'LIMIT', 'SL', 'SL_M'];

const CASH_AND_DERIVATIVES: readonly Segment[] = ['NSE_EQ', 'BSE_EQ', 'NSE_FO', 'BSE_FO'];
/** No IOC: neither do MCX and the commodity side of NSE take it from a program, nor do brokers pass it on. */
const COMMODITIES: readonly Segment[] = ['MCX_FO', 'NSE_COM'];

const EXCHANGE_OF: Readonly<Record<Segment, Exchange>> = {
  NSE_EQ: 'NSE',
  NSE_FO: 'NSE',
  NCD_FO: 'NSE',
  NSE_COM: 'NSE',
  NSE_INDEX: 'NSE',
  BSE_EQ: 'BSE',
  BSE_FO: 'BSE',
  BCD_FO: 'BSE',
  BSE_INDEX: 'BSE',
  MCX_FO: 'MCX',
};

/**
 * Orders of one client at one exchange that need no registered algorithm: fewer than ten a second, mandatory for all brokers
 * since that day. The tenth is where registration begins, so nine go out.
 */
const UNREGISTERED: Dated<readonly Window[]> = [
  { from: FIRST_DAY, value: [] },
  { from: '2026-04-01', value: [perSecond(9)] },
];

interface Sheet {
  readonly multiPlaceMax: number;
  readonly multiPlaceProducts: readonly Product[];
  readonly findByTag: 'search' | 'book';
  readonly readOne: 'call' | 'book';
  readonly modificationsMax?: number;
  readonly segments: Dated<readonly Segment[]>;
  readonly signedPostbacks: boolean;
  readonly settleMs: number;
  readonly ordersPerExchange: Dated<readonly Window[]>;
  readonly limits: Omit<Limits, 'ordersPerExchange'>;
  readonly facts: readonly Fact[];
}

const official = (fact: string): Fact => ({ fact, certainty: 'official' });
const unconfirmed = (fact: string): Fact => ({ fact, certainty: 'unconfirmed' });

const SHEETS: Readonly<Record<BrokerName | 'paper', Sheet>> = {
  upstox: {
    multiPlaceMax: 10,
    multiPlaceProducts: ['CNC', 'MIS', 'NRML'],
    findByTag: 'search',
    readOne: 'call',
    segments: [
      { from: FIRST_DAY, value: [...CASH_AND_DERIVATIVES, 'NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM'] },
      { from: '2026-09-01', value: [...CASH_AND_DERIVATIVES, 'NCD_FO', 'BCD_FO', 'NSE_COM'] },
    ],
    signedPostbacks: false,
    settleMs: SETTLE_MS,
    ordersPerExchange: UNREGISTERED,
    limits: {
      orders: [perSecond(10), perMinute(500), { max: 2_000, windowMs: 30 * MINUTE_MS }],
      reads: [perSecond(50), perMinute(500), { max: 2_000, windowMs: 30 * MINUTE_MS }],
      book: [perSecond(50)],
      all: [],
    },
    facts: [
      unconfirmed('orders in one call: 10 today, 25 on older pages'),
      unconfirmed('each line of a multi-order counts as one order'),
      unconfirmed('orders for MCX have been refused since some day of September 2026 (UDAPI1161)'),
      unconfirmed('a multi-order takes I and D; MTF is not in its list of products'),
      official('an order can be found by its tag'),
      official('postbacks are not signed'),
    ],
  },
  zerodha: {
    multiPlaceMax: 0,
    multiPlaceProducts: [],
    findByTag: 'book',
    readOne: 'call',
    modificationsMax: 25,
    segments: always([...CASH_AND_DERIVATIVES, 'NCD_FO', 'BCD_FO', 'MCX_FO']),
    signedPostbacks: true,
    settleMs: SETTLE_MS,
    ordersPerExchange: UNREGISTERED,
    limits: {
      orders: [perSecond(10), perMinute(400), perDay(5_000)],
      reads: [perSecond(10)],
      book: [perSecond(10)],
      all: [],
    },
    facts: [
      official('an order may be modified 25 times'),
      official('no IOC at MCX'),
      official('a market order must say its protection since 1 April 2026'),
      official('a postback carries a SHA-256 checksum made with the secret of the app'),
      unconfirmed('the day of the order limit begins at midnight'),
    ],
  },
  fyers: {
    multiPlaceMax: 10,
    multiPlaceProducts: ['CNC', 'MIS', 'NRML'],
    findByTag: 'book',
    readOne: 'call',
    segments: always([...CASH_AND_DERIVATIVES, 'NCD_FO']),
    signedPostbacks: false,
    settleMs: SETTLE_MS,
    ordersPerExchange: UNREGISTERED,
    limits: {
      orders: [perSecond(10), perDay(10_000)],
      reads: [],
      book: [],
      all: [perSecond(10), perMinute(200), perDay(100_000)],
    },
    facts: [
      official('more than three breaches of the minute limit block the client for the rest of the day'),
      official('a multi-order takes CNC, INTRADAY and MARGIN'),
      unconfirmed('10,000 orders, changes and cancels a day'),
      unconfirmed('how a postback proves its sender: there is a secret, but no description of its use'),
    ],
  },
  angelone: {
    multiPlaceMax: 0,
    multiPlaceProducts: [],
    findByTag: 'book',
    readOne: 'book',
    segments: always([...CASH_AND_DERIVATIVES, 'NCD_FO', 'MCX_FO']),
    signedPostbacks: false,
    settleMs: SETTLE_MS,
    ordersPerExchange: always([perSecond(9)]),
    limits: {
      orders: [perSecond(9), perMinute(500), perHour(1_000)],
      reads: [perSecond(10), perMinute(500), perHour(5_000)],
      book: [perSecond(1)],
      all: [],
    },
    facts: [
      official('500 a minute and 1,000 an hour hold for place, modify and cancel each; here for the three together'),
      official('the four books are read once a second each, the funds twice; here once for the five together'),
      official('no IOC for commodities'),
      official('postbacks are not signed'),
      unconfirmed('MTF is what the broker calls MARGIN'),
    ],
  },
  paper: {
    multiPlaceMax: 0,
    multiPlaceProducts: [],
    findByTag: 'book',
    readOne: 'call',
    segments: always([...CASH_AND_DERIVATIVES, 'NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM']),
    signedPostbacks: false,
    settleMs: 0, // its book is our log: what is not recorded never happened
    ordersPerExchange: always([]),
    limits: { orders: [], reads: [], book: [], all: [] },
    facts: [],
  },
};

/**
 * What a broker can take on a day, `YYYY-MM-DD` in IST.
 * @throws RangeError for what is no day.
 */
export const capabilitiesAt = (broker: BrokerName | 'paper', day: string): Capabilities => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new RangeError(`${JSON.stringify(day)} is no day like 2026-11-21`);
  const { segments: listed, ordersPerExchange, limits, ...sheet } = SHEETS[broker];
  const segments = inForce(listed, day);
  return {
    ...sheet,
    broker,
    exchanges: [...new Set(segments.map((segment) => EXCHANGE_OF[segment]))],
    segments,
    products: ALL_PRODUCTS,
    orderTypes: ALL_ORDER_TYPES,
    validities: Object.fromEntries(
      segments.map((segment): [Segment, readonly Validity[]] => [
        segment,
        broker !== 'paper' && COMMODITIES.includes(segment) ? ['DAY'] : ['DAY', 'IOC'],
      ]),
    ),
    limits: { ...limits, ordersPerExchange: inForce(ordersPerExchange, day) },
  };
};

/** The part of an order that a broker may not have. */
export interface Wanted {
  readonly segment: Segment;
  readonly product: Product;
  readonly orderType: OrderType;
  readonly validity: Validity;
}

/** The first field that the broker cannot take; `undefined` when it can take the order. */
export const unsupported = (
  { segments, products, orderTypes, validities }: Capabilities,
  { segment, product, orderType, validity }: Wanted,
): keyof Wanted | undefined => {
  if (!segments.includes(segment)) return 'segment';
  if (!products.includes(product)) return 'product';
  if (!orderTypes.includes(orderType)) return 'orderType';
  return validities[segment]?.includes(validity) ? undefined : 'validity';
};
