import type { Segment } from '#domain/instruments/instrument';
import type { OrderType, Product, Side, Validity } from '#domain/orders/order';
import type { BrokerOrderState } from '../client';

export const SIDE_OF: Readonly<Record<string, Side>> = { BUY: 'BUY', SELL: 'SELL' };
export const VALIDITY_OF: Readonly<Record<string, Validity>> = { DAY: 'DAY', IOC: 'IOC' };

export const ORDER_TYPES: Readonly<Record<OrderType, string>> = {
  MARKET: 'MARKET',
  LIMIT: 'LIMIT',
  SL: 'STOPLOSS_LIMIT',
  SL_M: 'STOPLOSS_MARKET',
};
export const ORDER_TYPE_OF: Readonly<Record<string, OrderType>> = {
  MARKET: 'MARKET',
  LIMIT: 'LIMIT',
  STOPLOSS_LIMIT: 'SL',
  STOPLOSS_MARKET: 'SL_M',
};

/** Stops are an order book of their own. */
export const varietyOf = (orderType: OrderType): string =>
  orderType === 'SL' || orderType === 'SL_M' ? 'STOPLOSS' : 'NORMAL';

type Market = 'cash' | 'derivatives';

/** Segments that are spoken. Commodities are counted in lots there, and no file of their lots has been seen. */
const MARKETS: Readonly<Partial<Record<Segment, Market>>> = {
  NSE_EQ: 'cash',
  BSE_EQ: 'cash',
  NSE_FO: 'derivatives',
  BSE_FO: 'derivatives',
  NCD_FO: 'derivatives',
};
const MARKET_OF_EXCHANGE: Readonly<Record<string, Market>> = {
  NSE: 'cash',
  BSE: 'cash',
  NFO: 'derivatives',
  BFO: 'derivatives',
  CDS: 'derivatives',
  MCX: 'derivatives',
  NCDEX: 'derivatives',
};

/** `MARGIN` is delivery on borrowed money here, and overnight derivatives elsewhere: always looked up with the market. */
const PRODUCTS: Readonly<Record<Market, Readonly<Partial<Record<Product, string>>>>> = {
  cash: { CNC: 'DELIVERY', MIS: 'INTRADAY', MTF: 'MARGIN' },
  derivatives: { MIS: 'INTRADAY', NRML: 'CARRYFORWARD' },
};
const PRODUCT_OF: Readonly<Record<Market, Readonly<Record<string, Product>>>> = {
  cash: { DELIVERY: 'CNC', INTRADAY: 'MIS', MARGIN: 'MTF' },
  derivatives: { INTRADAY: 'MIS', CARRYFORWARD: 'NRML' },
};

/** `undefined` where Angel One has no such product, or where the segment is not spoken. */
export const productWord = (segment: Segment, product: Product): string | undefined => {
  const market = MARKETS[segment];
  return market && PRODUCTS[market][product];
};

export const productOf = (exchange: string, word: string): Product | undefined => {
  const market = MARKET_OF_EXCHANGE[exchange.toUpperCase()];
  const upper = word.toUpperCase();
  return market && Object.hasOwn(PRODUCT_OF[market], upper) ? PRODUCT_OF[market][upper] : undefined;
};

/** The book's words and the socket's codes. */
const STATES: ReadonlyMap<string, BrokerOrderState> = new Map([
  ['put order req received', 'PENDING_ACK'],
  ['validation pending', 'PENDING_ACK'],
  ['open pending', 'PENDING_ACK'],
  ['ab09', 'PENDING_ACK'],
  ['after market order req received', 'QUEUED_AMO'],
  ['modify after market order req received', 'QUEUED_AMO'],
  ['ab06', 'QUEUED_AMO'],
  ['ab08', 'QUEUED_AMO'],
  ['open', 'WORKING'],
  ['modified', 'WORKING'],
  ['ab01', 'WORKING'],
  ['ab04', 'WORKING'],
  ['trigger pending', 'TRIGGER_WAIT'],
  ['ab10', 'TRIGGER_WAIT'],
  ['modify pending', 'MODIFY_PENDING'],
  ['modify validation pending', 'MODIFY_PENDING'],
  ['ab11', 'MODIFY_PENDING'],
  ['cancel pending', 'CANCEL_PENDING'],
  ['complete', 'FILLED'],
  ['ab05', 'FILLED'],
  ['cancelled', 'CANCELLED'],
  ['cancelled after market order', 'CANCELLED'],
  ['ab02', 'CANCELLED'],
  ['ab07', 'CANCELLED'],
  ['rejected', 'REJECTED'],
  ['ab03', 'REJECTED'],
]);

export const stateOf = (word: string): BrokerOrderState => STATES.get(word.toLowerCase()) ?? 'UNKNOWN';

/** The exchange types of the price socket, and what its whole numbers count there. */
export const STREAMS: Readonly<Partial<Record<Segment, { readonly exchangeType: number; readonly perRupee: number }>>> =
  {
    NSE_EQ: { exchangeType: 1, perRupee: 100 },
    NSE_INDEX: { exchangeType: 1, perRupee: 100 },
    NSE_FO: { exchangeType: 2, perRupee: 100 },
    BSE_EQ: { exchangeType: 3, perRupee: 100 },
    BSE_INDEX: { exchangeType: 3, perRupee: 100 },
    BSE_FO: { exchangeType: 4, perRupee: 100 },
    MCX_FO: { exchangeType: 5, perRupee: 100 },
    NCD_FO: { exchangeType: 13, perRupee: 10_000_000 },
  };
