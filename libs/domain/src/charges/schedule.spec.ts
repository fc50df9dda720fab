import fc from 'fast-check';
import { type Dated, inForceOn } from '../dated';
import { planBooks } from './plans';
import { type RateCorrections, ratesOn, rateTables } from './schedule';
import { BSE_SHARE, EQUITY_ETF, GOLD_ETF, NIFTY_FUTURE, NIFTY_OPTION, NSE_SHARE } from './samples';

const everyTable: readonly (readonly [string, readonly Dated[]])[] = [
  ...rateTables(),
  ...planBooks().brokerage,
  ...planBooks().terms,
  ...planBooks().interest,
];

it.each(everyTable)('%s: rows in order of their dates, each with what it rests on', (_, rows) => {
  expect(rows.length).toBeGreaterThan(0);
  const dates = rows.map(({ from }) => from);
  expect(dates).toEqual([...new Set(dates)].sort());
  for (const { from, source } of rows) {
    expect(new Date(`${from}T00:00:00Z`).toISOString().slice(0, 10)).toBe(from);
    expect(source).not.toBe('');
  }
});
it.each(everyTable)('%s: no gap from its first row on, and nothing before it', (_, rows) => {
  const first = rows[0]?.from ?? '';
  const days = fc.date({ min: new Date('2010-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(days, (at) => {
      const date = at.toISOString().slice(0, 10);
      const found = inForceOn(rows, date);
      expect(found === undefined).toBe(date < first);
      expect(found?.from).toBe(
        rows
          .map(({ from }) => from)
          .filter((from) => from <= date)
          .at(-1),
      );
    }),
  );
});
it.each([...rateTables()])('%s: whole parts per billion, none above 100 %', (_, rows) => {
  for (const { buyE9, sellE9 } of rows)
    for (const rateE9 of [buyE9, sellE9]) {
      expect(Number.isInteger(rateE9)).toBe(true);
      expect(rateE9).toBeGreaterThanOrEqual(0);
      expect(rateE9).toBeLessThanOrEqual(1_000_000_000);
    }
});

/** Of a security on a date: tax and stamp of what is delivered, the exchange's charge; buy/sell in parts per billion. */
const on = (date: string, security: Parameters<typeof ratesOn>[1], corrections?: RateCorrections) => {
  const rates = ratesOn(date, security, corrections);
  return rates && [rates.tax.delivered.sellE9, rates.exchange.buyE9, rates.sebi.sellE9];
};

describe('history, on both sides of each change', () => {
  it.each([
    ['2021-01-01', 34_501],
    ['2023-03-31', 34_501],
    ['2023-04-01', 33_500],
    ['2024-03-31', 33_500],
    ['2024-04-01', 33_200],
    ['2024-09-30', 33_200],
    ['2024-10-01', 30_700],
    ['2026-02-28', 30_700],
    ['2026-03-01', 30_700],
  ])('NSE shares on %s: %p', (date, exchangeE9) => expect(on(date, NSE_SHARE)?.[1]).toBe(exchangeE9));
  it.each([
    ['2023-04-01', 125_000, 20_000],
    ['2024-03-31', 125_000, 20_000],
    ['2024-04-01', 125_000, 19_800],
    ['2024-09-30', 125_000, 19_800],
    ['2024-10-01', 200_000, 18_300],
    ['2026-03-31', 200_000, 18_300],
    ['2026-04-01', 500_000, 18_300],
  ])('NSE futures on %s', (date, taxE9, exchangeE9) =>
    expect(on(date, NIFTY_FUTURE)?.slice(0, 2)).toEqual([taxE9, exchangeE9]),
  );
  it.each([
    ['2023-04-01', 625_000, 505_000],
    ['2024-04-01', 625_000, 500_000],
    ['2024-09-30', 625_000, 500_000],
    ['2024-10-01', 1_000_000, 355_300],
    ['2026-03-31', 1_000_000, 355_300],
    ['2026-04-01', 1_500_000, 355_300],
  ])('NSE options on %s', (date, taxE9, exchangeE9) =>
    expect(on(date, NIFTY_OPTION)?.slice(0, 2)).toEqual([taxE9, exchangeE9]),
  );
  it.each([
    ['2021-03-31', 500],
    ['2021-04-01', 1_000],
  ])('SEBI on %s: %p', (date, sebiE9) => expect(on(date, NSE_SHARE)?.[2]).toBe(sebiE9));
  it.each(['2020-12-31', '2012-06-30', ''])('no rates of NSE shares on "%s"', (date) =>
    expect(on(date, NSE_SHARE)).toBeUndefined(),
  );
});

it('says what it rests on, so that an answer can', () =>
  expect(ratesOn('2026-09-01', BSE_SHARE)?.exchange).toEqual({
    from: '2022-12-01',
    buyE9: 37_500,
    sellE9: 37_500,
    certainty: 'confirmed',
    source: 'BSE 20221109-7',
  }));
it('funds pay what is their own when delivered, and what shares pay within the day', () => {
  const sold = [NSE_SHARE, EQUITY_ETF, GOLD_ETF].map((security) => {
    const tax = ratesOn('2026-09-01', security)?.tax;
    return [tax?.delivered.buyE9, tax?.delivered.sellE9, tax?.squared.sellE9];
  });
  expect(sold).toEqual([
    [1_000_000, 1_000_000, 250_000],
    [0, 10_000, 250_000],
    [0, 0, 0],
  ]);
});

describe('corrections', () => {
  const rate = { buyE9: 40_000, sellE9: 40_000, certainty: 'confirmed', source: 'NSE/FA/99999' } as const;

  it('a row of the same date replaces, another is added, and what is before it stays', () => {
    const corrections: RateCorrections = {
      rates: [
        { table: 'exchange NSE cash', from: '2026-03-01', ...rate },
        { table: 'exchange NSE cash', from: '2027-01-01', ...rate, buyE9: 50_000 },
      ],
    };
    expect(
      ['2026-02-28', '2026-03-01', '2026-12-31', '2027-01-01'].map((date) => on(date, NSE_SHARE, corrections)?.[1]),
    ).toEqual([30_700, 40_000, 40_000, 50_000]);
    expect(on('2027-01-01', NSE_SHARE)?.[1]).toBe(30_700);
  });
  it('a group that had no rate gets one', () => {
    const trust = { ...BSE_SHARE, group: 'IF' };
    const corrections: RateCorrections = { rates: [{ table: 'exchange BSE cash IF', from: '2026-01-01', ...rate }] };
    expect(on('2026-09-01', trust)).toBeUndefined();
    expect(on('2026-09-01', trust, corrections)?.[1]).toBe(40_000);
    expect(on('2025-12-31', trust, corrections)).toBeUndefined();
  });
  it('a rate of its own goes before the one of its kind, from its first day on', () => {
    const mentha = {
      exchange: 'MCX',
      segment: 'MCX_FO',
      kind: 'commodity-future',
      underlyingSymbol: 'MENTHAOIL',
    } as const;
    const corrections: RateCorrections = {
      rates: [{ table: 'exchange MCX commodity-future MENTHAOIL', from: '2026-11-01', ...rate }],
    };
    expect(on('2026-10-31', mentha, corrections)?.[1]).toBe(21_000);
    expect(on('2026-11-01', mentha, corrections)?.[1]).toBe(40_000);
    expect(on('2026-11-01', { ...mentha, underlyingSymbol: 'GOLD' }, corrections)?.[1]).toBe(21_000);
  });
  it('a plan, its terms and its interest are replaced by date and key', () => {
    const of = {
      broker: 'zerodha',
      plan: 'promotional',
      from: '2026-01-01',
      certainty: 'confirmed',
      source: 'x',
    } as const;
    const books = planBooks({ brokerage: [{ ...of, segment: 'delivery', rule: { flatE4: 100_000 } }] });
    expect(books.brokerage.get('zerodha/promotional/delivery')).toHaveLength(1);
    expect(books.brokerage.get('zerodha/default/delivery')).toEqual(
      planBooks().brokerage.get('zerodha/default/delivery'),
    );
    const later = planBooks({ interest: [{ ...of, plan: 'default', perDay: { shareE9: 500_000 } }] });
    expect(later.interest.get('zerodha/default/')?.map(({ from }) => from)).toEqual(['2024-10-01', '2026-01-01']);
  });
});
