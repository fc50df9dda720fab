import type { Instrument } from '../instruments/instrument';
import { chargedSecurityOf } from './security';

/** As the masters of January 2026 list them. */
const reliance: Instrument = {
  instrumentKey: 'NSE_EQ|INE002A01018',
  validFrom: '2026-01-02',
  symbol: 'NSE:RELIANCE',
  tradingSymbol: 'RELIANCE',
  name: 'RELIANCE INDUSTRIES LTD',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken: '2885',
  isin: 'INE002A01018',
};
const contract = (segment: Instrument['segment'], instrumentType: string, underlyingSymbol: string): Instrument => ({
  ...reliance,
  instrumentKey: `${segment}|1`,
  exchange: segment.startsWith('B') ? 'BSE' : segment.startsWith('M') ? 'MCX' : 'NSE',
  segment,
  instrumentType,
  underlyingSymbol,
});
const fund = (tradingSymbol: string, name: string): Instrument => ({
  ...reliance,
  isin: 'INF204KB14I2',
  tradingSymbol,
  name,
});

it('a share is charged by its exchange and group', () => {
  expect(chargedSecurityOf(reliance)).toEqual({ exchange: 'NSE', segment: 'NSE_EQ', kind: 'equity', group: 'EQ' });
  expect(chargedSecurityOf({ ...reliance, exchange: 'BSE', segment: 'BSE_EQ', instrumentType: 'XT' })).toMatchObject({
    exchange: 'BSE',
    group: 'XT',
  });
});
it.each([
  ['NIFTYBEES', 'NIPPONAMC - NETFNIFTYBEES', 'equity-etf'],
  ['MON100', 'MOTILAL OS NASDAQ100 ETF', 'equity-etf'],
  ['SBINEQWETF', 'SBI Mutual Fund', 'equity-etf'],
  ['GOLDBEES', 'NIP IND ETF GOLD BEES', 'other-etf'],
  ['SILVERBEES', 'NIPPONAMC - NETFSILVER', 'other-etf'],
  ['TATSILV', 'TATAAMC - TATSILV', 'other-etf'],
  ['GROWWSLVR', 'GROWWAMC - GROWWSLVR', 'other-etf'],
  ['LIQUIDBEES', 'NIP IND ETF LIQUID BEES', 'other-etf'],
  ['SBILIQETF', 'SBI Mutual Fund', 'other-etf'],
  ['LTGILTBEES', 'NIPPONAMC - NETFLTGILT', 'other-etf'],
  ['EBBETF0430', 'Edelweiss Mutual Fund', 'other-etf'],
  ['RMFINAFDR8', 'Reliance Fixed Horizon Fund', 'other-etf'],
])('the fund %s (%s) is charged as %s', (tradingSymbol, name, kind) =>
  expect(chargedSecurityOf(fund(tradingSymbol, name))?.kind).toBe(kind),
);
it('a company with gold in its name is a share', () =>
  expect(chargedSecurityOf({ ...reliance, tradingSymbol: 'GOLDIAM', name: 'GOLDIAM INTERNATIONAL LTD' })?.kind).toBe(
    'equity',
  ));
it.each([
  ['partly paid', 'IN9397D01014'],
  ['a trust', 'INE041025011'],
  ['rights', 'INE002A20018'],
])('%s (%s) is charged as a share, the dearest', (_, isin) =>
  expect(chargedSecurityOf({ ...reliance, isin })?.kind).toBe('equity'),
);
it.each([
  ['government paper', 'IN0020230085'],
  ['a state loan', 'IN1020230012'],
  ['a debenture', 'INE053F07AB5'],
  ['a bond', 'INE040A08AB1'],
  ['commercial paper', 'INE721A14DC5'],
])('%s (%s) has no schedule', (_, isin) => expect(chargedSecurityOf({ ...reliance, isin })).toBeUndefined());
it('the key tells the ISIN where the master does not', () => {
  const { isin: _, ...unnamed } = reliance;
  expect(chargedSecurityOf(unnamed)?.kind).toBe('equity');
  expect(chargedSecurityOf({ ...unnamed, instrumentKey: 'NSE_EQ|IN0020230085' })).toBeUndefined();
});
it.each([
  [contract('NSE_FO', 'FUT', 'NIFTY'), undefined, 'index-future'],
  [contract('NSE_FO', 'CE', 'BANKNIFTY'), undefined, 'index-option'],
  [contract('NSE_FO', 'PE', 'RELIANCE'), undefined, 'stock-option'],
  [contract('NSE_FO', 'FUT', 'RELIANCE'), undefined, 'stock-future'],
  [contract('NSE_FO', 'FUT', 'NIFTYNEW'), 'index', 'index-future'],
  [contract('BSE_FO', 'CE', 'SENSEX'), undefined, 'index-option'],
  [contract('NCD_FO', 'FUT', 'USDINR'), undefined, 'currency-future'],
  [contract('BCD_FO', 'PE', 'EURUSD'), undefined, 'currency-option'],
  [contract('BCD_FO', 'FUT', '723GS2039'), undefined, undefined],
  [contract('MCX_FO', 'FUT', 'GOLD'), undefined, 'commodity-future'],
  [contract('NSE_COM', 'CE', 'SILVER'), undefined, 'commodity-option'],
  [contract('NSE_COM', 'COM', 'SILVER'), undefined, undefined],
  [contract('NSE_INDEX', 'INDEX', 'NIFTY'), undefined, undefined],
] as const)('%# a contract on %o, %p: %s', (instrument, underlyingKind, kind) => {
  expect(chargedSecurityOf(instrument, underlyingKind)?.kind).toBe(kind);
  if (kind !== undefined)
    expect(chargedSecurityOf(instrument, underlyingKind)?.underlyingSymbol).toBe(instrument.underlyingSymbol);
});
