import type { Segment } from '#domain/instruments/instrument';
import type { OrderType, Product, Side, Validity } from '#domain/orders/order';
import type { BrokerOrderState } from '../client';

export const SIDES: Readonly<Record<Side, number>> = { BUY: 1, SELL: -1 };
export const SIDE_OF: Readonly<Record<string, Side>> = { '1': 'BUY', '-1': 'SELL' };

export const ORDER_TYPES: Readonly<Record<OrderType, number>> = { LIMIT: 1, MARKET: 2, SL_M: 3, SL: 4 };
export const ORDER_TYPE_OF: Readonly<Record<string, OrderType>> = {
  '1': 'LIMIT',
  '2': 'MARKET',
  '3': 'SL_M',
  '4': 'SL',
};

export const VALIDITY_OF: Readonly<Record<string, Validity>> = { DAY: 'DAY', IOC: 'IOC' };

type Market = 'cash' | 'derivatives';

/** Segments that are spoken. Commodities count their quantities by another rule, of which no file has been seen. */
const MARKETS: Readonly<Partial<Record<Segment, Market>>> = {
  NSE_EQ: 'cash',
  BSE_EQ: 'cash',
  NSE_FO: 'derivatives',
  BSE_FO: 'derivatives',
  NCD_FO: 'derivatives',
};
const MARKET_OF_CODE: Readonly<Record<string, Market>> = {
  '10': 'cash',
  '11': 'derivatives',
  '12': 'derivatives',
  '20': 'derivatives',
};

/** The same word means different things in different markets: always looked up with the market. */
const PRODUCTS: Readonly<Record<Market, Readonly<Partial<Record<Product, string>>>>> = {
  cash: { CNC: 'CNC', MIS: 'INTRADAY', MTF: 'MTF' },
  derivatives: { MIS: 'INTRADAY', NRML: 'MARGIN' },
};
const PRODUCT_OF: Readonly<Record<Market, Readonly<Record<string, Product>>>> = {
  cash: { CNC: 'CNC', INTRADAY: 'MIS', MTF: 'MTF' },
  derivatives: { INTRADAY: 'MIS', MARGIN: 'NRML' },
};

/** `undefined` where Fyers has no such product, or where the segment is not spoken. */
export const productWord = (segment: Segment, product: Product): string | undefined => {
  const market = MARKETS[segment];
  return market && PRODUCTS[market][product];
};

export const productOf = (segmentCode: string, word: string): Product | undefined => {
  const market = MARKET_OF_CODE[segmentCode];
  const upper = word.toUpperCase();
  return market && Object.hasOwn(PRODUCT_OF[market], upper) ? PRODUCT_OF[market][upper] : undefined;
};

/** What a status code says together with what stands beside it: Fyers has no code for a stop that waits. */
export const stateOf = (
  status: string,
  { orderType, filledQuantity, isOffline }: { orderType: OrderType; filledQuantity: number; isOffline: boolean },
): BrokerOrderState => {
  switch (status) {
    case '1':
      return 'CANCELLED';
    case '2':
      return 'FILLED';
    case '4':
      return 'PENDING_ACK';
    case '5':
      return 'REJECTED';
    case '6':
      if (filledQuantity > 0) return 'WORKING';
      if (isOffline) return 'QUEUED_AMO';
      return orderType === 'SL' || orderType === 'SL_M' ? 'TRIGGER_WAIT' : 'WORKING';
    case '7':
      return 'EXPIRED';
    default:
      return 'UNKNOWN';
  }
};

/** The order system's own two digits, by the status code that they amount to. */
const RAW_CODES: Readonly<Record<string, readonly number[]>> = {
  '4': [11, 12, 20, 21],
  '6': [22, 23, 24, 25, 26, 51, 52, 53, 54, 55, 61, 62, 63, 64, 71, 72],
  '2': [90],
  '1': [73, 91],
  '5': [92, 93, 94],
};
const STATUS_OF_RAW: ReadonlyMap<string, string> = new Map(
  Object.entries(RAW_CODES).flatMap(([status, codes]) => codes.map((code) => [String(code), status] as const)),
);

/** The status of a socket frame: as it is printed there if it is one that we know, else folded from the two digits. */
export const foldedStatus = (status: string | undefined, raw: string): string =>
  status !== undefined && /^[1-7]$/.test(status) ? status : (STATUS_OF_RAW.get(raw) ?? `raw ${raw}`);
