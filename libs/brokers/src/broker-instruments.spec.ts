import { loadSimMarket, type SimMarketData } from '../../../apps/broker-sim/src/market';
import { Catalogue } from '#instruments/catalogue';
import { instrumentsOf } from './broker-instruments';
import { BROKER_NAMES } from './client';
import { SHARE, THIN } from './sim-world.contract';

const FUTURE = 'NSE_FO|49229';

describe('instruments in the words of a broker', () => {
  let market: SimMarketData;
  beforeAll(async () => {
    market = await loadSimMarket({});
  });
  const of = (broker: (typeof BROKER_NAMES)[number], key: string) => instrumentsOf(broker, market.catalogue).of(key);

  it.each([
    ['upstox', SHARE, { symbol: SHARE, token: SHARE }],
    ['zerodha', SHARE, { symbol: 'NSE:RELIANCE', token: '738561' }],
    ['fyers', SHARE, { symbol: 'NSE:RELIANCE-EQ', token: '10100000002885' }],
    ['angelone', SHARE, { symbol: 'NSE:RELIANCE-EQ', token: '2885' }],
    ['zerodha', FUTURE, { symbol: 'NFO:NIFTY26JANFUT', token: '12602626', lotSize: 65 }],
  ] as const)('%s names %s as its master file does', (broker, key, expected) =>
    expect(of(broker, key)).toMatchObject({ instrumentKey: key, exchange: 'NSE', ...expected }),
  );

  it('names shares by rule exactly as the files would', () => {
    const bare = new Catalogue(market.catalogue.instruments);
    for (const broker of BROKER_NAMES) {
      const [listed, ruled] = [instrumentsOf(broker, market.catalogue), instrumentsOf(broker, bare)];
      let compared = 0;
      for (const { instrumentKey, segment, instrumentType, tradingSymbol } of market.catalogue.instruments) {
        if (segment !== 'NSE_EQ' || instrumentType !== 'EQ') continue;
        const listing = broker === 'upstox' ? undefined : market.catalogue.listingOf(broker, instrumentKey);
        // The files are of different days, and a share may have been given another symbol meanwhile.
        if (broker !== 'upstox' && listing?.exchangeSymbol.replace(/-EQ$/, '') !== tradingSymbol) continue;
        expect([broker, ruled.of(instrumentKey)]).toEqual([broker, listed.of(instrumentKey)]);
        compared += 1;
      }
      expect(compared).toBeGreaterThan(10);
    }
  });

  it.each(BROKER_NAMES)('%s: what has a name is found by it again, and no two have one', (broker) => {
    const instruments = instrumentsOf(broker, market.catalogue);
    const seen = new Map<string, string>();
    for (const { instrumentKey } of market.catalogue.instruments) {
      const one = instruments.of(instrumentKey);
      if (!one) continue;
      expect([instrumentKey, one.symbol, seen.get(one.symbol)]).toEqual([instrumentKey, one.symbol, undefined]);
      seen.set(one.symbol, instrumentKey);
      expect(instruments.bySymbol(one.symbol)).toEqual(one);
    }
    expect(seen.size).toBeGreaterThan(2_000);
  });

  it('gives a name that would fit two instruments to neither', () => {
    const key = (isin: string): string => `BSE_EQ|${isin}`;
    const twins = market.catalogue.instruments.filter(
      ({ segment, tradingSymbol }) => segment === 'BSE_EQ' && tradingSymbol === '875PFL26',
    );
    expect(twins.map(({ instrumentKey }) => instrumentKey).sort()).toEqual([key('INE140A07732'), key('INE516Y07451')]);
    const instruments = instrumentsOf('zerodha', market.catalogue);
    for (const { instrumentKey } of twins) expect(instruments.of(instrumentKey)).toBeUndefined();
    expect(instruments.bySymbol('BSE:875PFL26')).toBeUndefined();
  });

  it('names no contract by rule, and nothing that is not listed', () => {
    expect(of('upstox', FUTURE)).toMatchObject({ symbol: FUTURE });
    for (const broker of ['fyers', 'angelone'] as const) expect(of(broker, FUTURE)).toBeUndefined();
    for (const broker of BROKER_NAMES) {
      expect(of(broker, 'NSE_EQ|NOSUCH')).toBeUndefined();
      expect(of(broker, 'NSE:RELIANCE')).toBeUndefined(); // a symbol is no key
      expect(instrumentsOf(broker, market.catalogue).bySymbol('NSE:NOSUCH')).toBeUndefined();
      expect(of(broker, THIN)).toBeDefined();
    }
  });
});
