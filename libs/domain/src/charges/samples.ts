import type { ChargedTrade } from './levies';
import type { ChargedSecurity } from './security';

/** Securities and trades that the specs of charges share. */

export const NSE_SHARE: ChargedSecurity = { exchange: 'NSE', segment: 'NSE_EQ', kind: 'equity', group: 'EQ' };
export const BSE_SHARE: ChargedSecurity = { exchange: 'BSE', segment: 'BSE_EQ', kind: 'equity', group: 'A' };
export const EQUITY_ETF: ChargedSecurity = { ...NSE_SHARE, kind: 'equity-etf' };
export const GOLD_ETF: ChargedSecurity = { ...NSE_SHARE, kind: 'other-etf' };
export const NIFTY_FUTURE: ChargedSecurity = {
  exchange: 'NSE',
  segment: 'NSE_FO',
  kind: 'index-future',
  underlyingSymbol: 'NIFTY',
};
export const NIFTY_OPTION: ChargedSecurity = { ...NIFTY_FUTURE, kind: 'index-option' };
export const SENSEX_OPTION: ChargedSecurity = {
  exchange: 'BSE',
  segment: 'BSE_FO',
  kind: 'index-option',
  underlyingSymbol: 'SENSEX',
};
export const USDINR_FUTURE: ChargedSecurity = {
  exchange: 'NSE',
  segment: 'NCD_FO',
  kind: 'currency-future',
  underlyingSymbol: 'USDINR',
};
export const GOLD_FUTURE: ChargedSecurity = {
  exchange: 'MCX',
  segment: 'MCX_FO',
  kind: 'commodity-future',
  underlyingSymbol: 'GOLD',
};
export const GOLD_OPTION: ChargedSecurity = { ...GOLD_FUTURE, kind: 'commodity-option' };

/** One order that filled at once, on an instrument named after its kind. Prices in rupees. */
export const filled = (
  side: ChargedTrade['side'],
  quantity: number,
  rupees: number,
  security: ChargedSecurity,
  product: ChargedTrade['product'],
  orderId: string,
): ChargedTrade => ({
  orderId,
  tradeId: `trade of ${orderId}`,
  instrumentKey: `${security.segment}|${security.kind}`,
  side,
  quantity,
  priceE4: Math.round(rupees * 10_000),
  product,
  security,
});
