import type { Instrument } from '#domain/instruments/instrument';

import { DEMO_DAY, demoDataPath } from './demo-data';
import { loadInstruments } from './load';
import { SearchIndex, type SearchOptions } from './search';

let instruments: readonly Instrument[];
let index: SearchIndex;

beforeAll(async () => {
  ({ instruments } = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), {
    validFrom: DEMO_DAY,
  }));
  index = await SearchIndex.build(instruments);
});

const find = (query: string, options: Partial<SearchOptions> = {}): string[] =>
  index.search(query, { limit: 10, date: DEMO_DAY, ...options }).map(({ symbol }) => symbol);

describe('the first result', () => {
  it.each([
    ['reliance', 'NSE:RELIANCE'],
    ['RELI', 'NSE:RELIANCE'],
    ['  reliance  industries ', 'NSE:RELIANCE'],
    ['industries reli', 'NSE:RELIANCE'],
    ['reliance bse', 'BSE:RELIANCE'],
    ['BSE:RELIANCE', 'BSE:RELIANCE'],
    ['hdfc bank', 'NSE:HDFCBANK'],
    ['hdfc bank ltd', 'NSE:HDFCBANK'],
    ['info', 'NSE:INFY'],
    ['m&m', 'NSE:M&M'],
    ['mm', 'NSE:M&M'],
    ['bajaj-auto', 'NSE:BAJAJ-AUTO'],
    ['bajajauto', 'NSE:BAJAJ-AUTO'],
    ['bajaj auto', 'NSE:BAJAJ-AUTO'],
    ['lt', 'NSE:LT'],
    ['nifty', 'NSE:NIFTY'],
    ['nifty 50', 'NSE:NIFTY'],
    ['bank nifty', 'NSE:BANKNIFTY'],
    ['sensex', 'BSE:SENSEX'],
    ['INE002A01018', 'NSE:RELIANCE'],
    ['ine002a01018', 'NSE:RELIANCE'],
    ['2885', 'NSE:RELIANCE'],
    ['NSE_EQ|INE002A01018', 'NSE:RELIANCE'],
    ['NSE_FO|58801', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['NSE_INDEX|Nifty 50', 'NSE:NIFTY'],
    ['nifty 26000ce', 'NSE:NIFTY 26000 CE 06 JAN 26'],
    ['nifty 26000 put', 'NSE:NIFTY 26000 PE 06 JAN 26'],
    ['NIFTY 27 JAN 26000 CE', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['NIFTY 26000 CE 27 JAN 26', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['NSE:NIFTY 26000 CE 27 JAN 26', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['NIFTY26JAN26000CE', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['ce 26000 nifty january 27', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['nifty fut', 'NSE:NIFTY FUT 27 JAN 26'],
    ['BANKNIFTY26JANFUT', 'NSE:BANKNIFTY FUT 27 JAN 26'],
    ['reliance fut', 'NSE:RELIANCE FUT 27 JAN 26'],
  ])('for %s is %s', (query, symbol) => {
    expect(find(query)[0]).toBe(symbol);
  });
});

describe('what is found', () => {
  it.each(['', '   ', '|', '--', 'zzzz', 'nifty zzzz', '%%%', '\u0000', '💰'])('is nothing for %j', (query) =>
    expect(find(query)).toEqual([]),
  );

  it('has every word of the query', () => {
    const found = find('nifty 26000 ce', { limit: 100 });
    expect(found.length).toBeGreaterThan(1);
    expect(found.filter((symbol) => !/NIFTY\S* 26000(\.\d+)? CE/.test(symbol))).toEqual([]);
  });

  it('is what was asked for in expiry order, nearest first', () => {
    const days = index.search('nifty fut', { limit: 50, date: DEMO_DAY }).flatMap(({ expiry }) => expiry ?? []);
    expect(days.length).toBeGreaterThan(3);
    expect(days).toEqual([...days].sort());
  });

  it('is no contract of another day when a day is named', () => {
    const found = index.search('nifty 06 jan', { limit: 500, date: DEMO_DAY });
    expect(found.length).toBeGreaterThan(5);
    expect(new Set(found.map(({ expiry }) => expiry))).toEqual(new Set(['2026-01-06']));
  });

  it('are the monthly contracts of a year that is named before a month', () => {
    const expiries = index.search('nifty 26jan', { limit: 500, date: DEMO_DAY }).map(({ expiry }) => expiry);
    expect(new Set(expiries)).toEqual(new Set(['2026-01-27']));
  });

  it('does not begin with what stands in every name', () => {
    const shares = instruments.filter(({ name }) => name.endsWith(' LTD')).length;
    expect(shares).toBeGreaterThan(500);
    expect(find('ltd', { limit: 10_000 }).length).toBeLessThan(20);
  });

  it('goes to the limit and no further', () => {
    expect(find('n', { limit: 7 })).toHaveLength(7);
    expect(find('n', { limit: 8 }).slice(0, 7)).toEqual(find('n', { limit: 7 }));
  });

  it.each([
    [{ segment: 'NSE_FO' } as const, ({ segment }: Instrument) => segment === 'NSE_FO'],
    [{ exchange: 'BSE' } as const, ({ exchange }: Instrument) => exchange === 'BSE'],
    [{ type: 'fut' } as const, ({ instrumentType }: Instrument) => instrumentType === 'FUT'],
  ])('is only what %j allows', (filter, isAllowed) => {
    const found = index.search('reliance', { limit: 100, date: DEMO_DAY, ...filter });
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((instrument) => !isAllowed(instrument))).toEqual([]);
  });

  it('is nothing of a type that does not exist', () => expect(find('reliance', { type: 'NONE' })).toEqual([]));

  it('is not expired: a contract is found on its last day, and not on the day after', () => {
    const name = 'NIFTY 26000 CE 06 JAN 26';
    expect(find(name, { date: '2026-01-06' })).toEqual([`NSE:${name}`]);
    expect(find(name, { date: '2026-01-07' })).toEqual([]);
    expect(find('NSE_FO|58801', { date: '2026-01-28' })).toEqual([]);
  });

  it('is every instrument, by its symbol first of all', () => {
    const lost = instruments.filter((instrument) => {
      const { symbol, exchange, expiry } = instrument;
      if (expiry !== undefined && expiry < DEMO_DAY) return false;
      const found = index.search(symbol, { limit: 10, date: DEMO_DAY, exchange });
      return !found.includes(instrument);
    });
    expect(lost.map(({ symbol }) => symbol)).toEqual([]);
  });
});

describe('shares and contracts', () => {
  it('that are traded most come before obscure ones', () => {
    const found = find('tata', { limit: 200 });
    expect(found.indexOf('NSE:TATASTEEL')).toBeLessThan(found.indexOf('NSE:TATAINVEST'));
    expect(found.indexOf('NSE:TATAINVEST')).toBeGreaterThan(0);
  });

  it('come as shares, then futures, then options', () => {
    const kinds = index.search('reliance industries', { limit: 100, date: DEMO_DAY }).map(({ instrumentType }) => {
      if (instrumentType === 'FUT') return 1;
      return instrumentType === 'CE' || instrumentType === 'PE' ? 2 : 0;
    });
    expect(new Set(kinds)).toEqual(new Set([0, 1, 2]));
    expect(kinds).toEqual([...kinds].sort());
  });

  it('with strikes near the money come first where the price is known', async () => {
    const near = await SearchIndex.build(instruments, {
      priceE4Of: (underlying) => (underlying === 'NIFTY' ? 261_000_000 : undefined),
    });
    const [first] = near.search('nifty 27 jan ce', { limit: 1, date: DEMO_DAY });
    const strikes = instruments.flatMap(({ underlyingSymbol, expiry, instrumentType, strikeE4 }) =>
      underlyingSymbol === 'NIFTY' && expiry === '2026-01-27' && instrumentType === 'CE' ? [strikeE4 ?? 0] : [],
    );
    const nearest = Math.min(...strikes.map((strikeE4) => Math.abs(strikeE4 - 261_000_000)));
    expect(Math.abs((first?.strikeE4 ?? 0) - 261_000_000)).toBe(nearest);
    expect(find('nifty 27 jan ce')[0]).toMatch(String(Math.min(...strikes) / 10_000));
  });
});

describe('while somebody types', () => {
  const QUERIES = [
    ...['reliance industries', 'hdfc bank ltd', 'nifty 27 jan 26000 ce', 'NIFTY26JANFUT', 'banknifty fut'],
    ...[
      'sensex 85000 pe',
      'm&m',
      'bajaj-auto fut',
      'tata steel',
      'NSE:infy',
      'state bank of india',
      'usdinr 28 jan ce',
    ],
  ];
  const plain = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9&]/g, '');
  const all = (query: string): readonly Instrument[] => index.search(query, { limit: 100_000, date: DEMO_DAY });
  /** Its symbol, an index's name, or the exchange's number stands there in full. */
  const isTypedOut = (query: string) => (instrument: Instrument) => {
    const { tradingSymbol, name, instrumentType, symbol, exchangeToken } = instrument;
    const names = [tradingSymbol, symbol.slice(4), exchangeToken, ...(instrumentType === 'INDEX' ? [name] : [])];
    return names.some((text) => plain(text) === plain(query.replace(/^NSE:/, '')));
  };

  it.each(QUERIES)('%s, a further letter brings nothing new, and nothing changes places', (query) => {
    let compared = 0;
    for (let length = 1; length < query.length; length += 1) {
      const [shorter, longer] = [query.slice(0, length), query.slice(0, length + 1)];
      if (longer.endsWith(':') || shorter.endsWith(':')) continue; // from here on the question is another one
      const moved = new Set([...all(shorter).filter(isTypedOut(shorter)), ...all(longer).filter(isTypedOut(longer))]);
      const now = all(longer).filter((each) => !moved.has(each));
      const still = new Set(now);
      expect(now.map(({ symbol }) => symbol)).toEqual(
        all(shorter).flatMap((each) => (still.has(each) && !moved.has(each) ? each.symbol : [])),
      );
      compared += now.length;
    }
    expect(compared).toBeGreaterThan(20);
  });
});
