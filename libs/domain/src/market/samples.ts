import type { InstrumentFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { dayOf, msOf, secondOf } from './ist';
import type { OrderInSession } from './trading-allowed';

/** An instant as a trader writes it: `2026-08-03 15:17:00`, IST. */
export const ist = (instant: string): number => {
  const [date = '', clock = ''] = instant.split(' ');
  return msOf(dayOf(date), secondOf(clock));
};

const file = { effectiveFrom: '2025-01-01', source: 'a file of the day' };

export const share: Instrument = {
  instrumentKey: 'NSE_EQ|INE0000A0001',
  validFrom: '2025-01-01',
  symbol: 'NSE:PLAIN',
  tradingSymbol: 'PLAIN',
  name: 'PLAIN LTD',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken: '1',
  lotSize: 1,
  tickSizeE4: 1_000,
};
export const inSeries = (instrumentType: string): Instrument => ({ ...share, instrumentType, symbol: 'NSE:SERIES' });

/** Its day ends with the closing auction. */
export const reliance: Instrument = { ...share, symbol: 'NSE:RELIANCE', tradingSymbol: 'RELIANCE' };
export const withDerivatives: InstrumentFacts = { hasDerivatives: file };

export const future = (expiry: string, underlyingSymbol = 'NIFTY'): Instrument => ({
  ...share,
  symbol: `NSE:${underlyingSymbol} FUT`,
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  expiry,
  underlyingSymbol,
});
export const option = (expiry: string): Instrument => ({
  ...future(expiry),
  symbol: 'NSE:NIFTY CE',
  instrumentType: 'CE',
});
export const bseFuture = (expiry: string): Instrument => ({
  ...future(expiry, 'SENSEX'),
  exchange: 'BSE',
  segment: 'BSE_FO',
  symbol: 'BSE:SENSEX FUT',
});
export const usdInr: Instrument = {
  ...future('2026-12-29', 'USDINR'),
  segment: 'NCD_FO',
  symbol: 'NSE:USDINR FUT',
};
export const crude: Instrument = {
  ...future('2026-12-31', 'CRUDEOIL'),
  exchange: 'MCX',
  segment: 'MCX_FO',
  symbol: 'MCX:CRUDEOIL FUT',
};
export const cardamom: Instrument = { ...crude, underlyingSymbol: 'CARDAMOM', symbol: 'MCX:CARDAMOM FUT' };
export const nifty: Instrument = { ...share, segment: 'NSE_INDEX', instrumentType: 'INDEX', symbol: 'NSE:NIFTY 50' };

export const limit: OrderInSession = { orderType: 'LIMIT', validity: 'DAY', product: 'CNC', side: 'BUY' };
export const market: OrderInSession = { ...limit, orderType: 'MARKET' };
export const stop: OrderInSession = { ...limit, orderType: 'SL' };
