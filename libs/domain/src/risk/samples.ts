import type { InstrumentFacts, UnderlyingFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { MarketCalendar } from '../market/calendar';
import { E4_PER_RUPEE } from '../money';
import type { OrderTerms } from '../orders/order';
import type { CheckContext, Exposure } from './context';
import type { Halt } from './limits';

/** For specs: an ordinary order on an ordinary day, which passes every check. Instruments as the masters of January 2026 list them. */

export const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);

export const lakhs = (amount: number): number => rupees(amount * 100_000);

export const reliance: Instrument = {
  instrumentKey: 'NSE_EQ|INE002A01018',
  validFrom: '2026-01-02',
  symbol: 'NSE:RELIANCE',
  tradingSymbol: 'RELIANCE',
  name: 'RELIANCE INDUSTRIES LTD',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken: '2885',
  lotSize: 1,
  tickSizeE4: 1_000,
};

export const niftyFuture: Instrument = {
  ...reliance,
  instrumentKey: 'NSE_FO|49229',
  symbol: 'NSE:NIFTY FUT 27 JAN 26',
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  lotSize: 65,
  freezeQuantity: 1_755,
  expiry: '2026-01-27',
  underlyingSymbol: 'NIFTY',
  underlyingKind: 'index',
};

export const niftyCall: Instrument = {
  ...niftyFuture,
  instrumentKey: 'NSE_FO|49300',
  symbol: 'NSE:NIFTY 26000 CE 27 JAN 26',
  instrumentType: 'CE',
  tickSizeE4: 500,
  strikeE4: rupees(26_000),
};

export const relianceFuture: Instrument = {
  ...niftyFuture,
  instrumentKey: 'NSE_FO|50123',
  symbol: 'NSE:RELIANCE FUT 27 JAN 26',
  lotSize: 500,
  freezeQuantity: 60_001,
  underlyingSymbol: 'RELIANCE',
  underlyingKind: 'stock',
};

export const usdInr: Instrument = {
  ...niftyFuture,
  instrumentKey: 'NCD_FO|1234',
  symbol: 'NSE:USDINR FUT 28 JAN 26',
  segment: 'NCD_FO',
  lotSize: 1,
  tickSizeE4: 25,
  expiry: '2026-01-28',
};

const { lotSize: _lot, tickSizeE4: _tick, ...quoted } = reliance;
export const nifty50: Instrument = {
  ...quoted,
  instrumentKey: 'NSE_INDEX|Nifty 50',
  segment: 'NSE_INDEX',
  instrumentType: 'INDEX',
};

export const TODAY = '2026-01-02';

/** 10:00 IST: continuous trading. */
export const AT_TEN_MS = Date.UTC(2026, 0, 2, 4, 30);

const sourced = { effectiveFrom: TODAY, source: 'file of the day' };

/** What the files of the day say of an ordinary share at Rs 100. */
export const shareFacts: InstrumentFacts = {
  previousClose: { ...sourced, priceE4: rupees(100) },
  band: { ...sourced, kind: 'percent', basisPoints: 2_000 },
  intraday: { ...sourced, marginBp: 2_000 },
  funded: { ...sourced, marginBp: 3_000 },
};

export const relianceContracts: UnderlyingFacts = {
  symbol: 'RELIANCE',
  kind: 'stock',
  price: { ...sourced, priceE4: rupees(100) },
};

/** Nothing is held, nothing is open, nothing happened today. */
export const nothing: Exposure = {
  positionQuantity: 0,
  closableQuantity: 0,
  undeliveredQuantity: 0,
  filledQuantity: 0,
  symbolPosition: 0,
  otherContracts: 0,
  openOrders: 0,
  openOrderValueE4: 0,
  grossExposureE4: 0,
  dayRealisedE4: 0,
  dayChargesE4: 0,
  unrealisedE4: 0,
  ordersToday: 0,
  modifications: 0,
  opposite: [],
  lastAlikeMs: undefined,
  presentValueE4: undefined,
};

export const OPEN: Halt = { state: 'open', by: 'house' };

export const calendar = new MarketCalendar();

export const limitOrder: OrderTerms = { orderType: 'LIMIT', quantity: 65, priceE4: rupees(100), validity: 'DAY' };
export const marketOrder: OrderTerms = { orderType: 'MARKET', quantity: 65, validity: 'DAY' };

export const onReliance: CheckContext = {
  instrument: reliance,
  facts: shareFacts,
  side: 'BUY',
  product: 'CNC',
  broker: 'paper',
  action: 'new',
  atMs: AT_TEN_MS,
  tradingDate: TODAY,
  lastPriceE4: rupees(100),
  calendar,
  limits: {},
  halt: OPEN,
  exposure: nothing,
  lists: { suspended: sourced, ban: sourced },
};

export const onFuture: CheckContext = {
  ...onReliance,
  instrument: niftyFuture,
  facts: { previousClose: { ...sourced, priceE4: rupees(100) } },
  product: 'NRML',
};

/** Of an account that holds so much of the instrument, and promised none of it to an open order. */
export const holding = (context: CheckContext, quantity: number): CheckContext => ({
  ...context,
  exposure: {
    ...context.exposure,
    positionQuantity: quantity,
    symbolPosition: quantity,
    closableQuantity: Math.max(0, context.side === 'SELL' ? quantity : -quantity),
  },
});
