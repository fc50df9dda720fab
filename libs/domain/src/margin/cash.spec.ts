import fc from 'fast-check';
import type { InstrumentFacts } from '../instruments/facts';
import { MarketCalendar } from '../market/calendar';
import { type CashMargin, cashMarginBp, type CashQuestion, cashRatesOf } from './cash';
import type { CashGroup } from './parameters';

const DATE = '2026-09-01';
const sourced = { effectiveFrom: '2026-08-31', source: 'sample' } as const;
const listed: InstrumentFacts = { intraday: { ...sourced, marginBp: 2_000 }, funded: { ...sourced, marginBp: 3_000 } };

const ask: CashQuestion = {
  instrument: { exchange: 'NSE', segment: 'NSE_EQ', instrumentType: 'EQ' },
  product: 'MIS',
  side: 'BUY',
  facts: listed,
  date: DATE,
  surveillance: new MarketCalendar().surveillance,
};

/** @throws Error what is missing. */
const marginOf = (change: Partial<CashQuestion>): CashMargin => {
  const margin = cashMarginBp({ ...ask, ...change });
  if ('missing' in margin) throw new Error(margin.missing);
  return margin;
};

describe('the rates of a group', () => {
  it.each<[string, CashGroup, number, number, number]>([
    ['group I at 1.2 % a day: the floor', 'I', 12_000, 900, 350],
    ['group I at 2.6 %', 'I', 26_000, 1_560, 350],
    ['group I at 3.5 %', 'I', 35_000, 2_100, 350],
    ['group II: the floor', 'II', 12_000, 2_150, 350],
    ['group II at 5 %', 'II', 50_000, 3_000, 350],
    ['group III, traded every week', 'III-weekly', 90_000, 5_000, 350],
    ['group III', 'III', 12_000, 7_500, 350],
    ['a fund on a broad index', 'broad-etf', 8_000, 600, 200],
  ])('%s', (_, group, sigma, varBp, elmBp) => expect(cashRatesOf(group, sigma, DATE)).toEqual({ varBp, elmBp }));
  it('are not known before their table begins', () => expect(cashRatesOf('I', 12_000, '2020-04-30')).toBeUndefined());
});

describe('a share that is squared off the same day', () => {
  it.each([
    ['σ 1.2 %: 12.5 % is less than the 20 % a broker must hold', 12_000, 2_000],
    ['σ 2.6 %: 19.1 % is too', 26_000, 2_000],
    ['σ 3.5 %: 24.5 % is not', 35_000, 2_450],
  ])('%s', (_, dailySigmaMillionths, marginBp) =>
    expect(marginOf({ group: 'I', dailySigmaMillionths }).marginBp).toBe(marginBp),
  );
  it.each<[string, Partial<InstrumentFacts>, number, string]>([
    ["what the broker's file says", { intraday: { ...sourced, marginBp: 3_500 } }, 3_500, "the broker's intraday file"],
    [
      'never less than a fifth, whatever the file says',
      { intraday: { ...sourced, marginBp: 1_000 } },
      2_000,
      'the least a broker must hold',
    ],
    [
      "the exchange's rates where they are more",
      { cashMargin: { ...sourced, varBp: 2_200, elmBp: 350 } },
      2_550,
      'value at risk and extreme loss margin of the exchange',
    ],
    [
      'half of it under short-term surveillance',
      { surveillance: [{ ...sourced, measure: 'ST-ASM', stage: 1 }] },
      5_000,
      'surveillance: ST-ASM 1',
    ],
    [
      'all of it in a later stage',
      { surveillance: [{ ...sourced, measure: 'ST-ASM', stage: 2 }] },
      10_000,
      'surveillance: ST-ASM 2',
    ],
    ['all of it on the first day of a listing', { listingDay: sourced }, 10_000, 'first day of a listing'],
    [
      'never more than all of it',
      { cashMargin: { ...sourced, varBp: 10_000, elmBp: 350 } },
      10_000,
      'value at risk and extreme loss margin of the exchange',
    ],
  ])('needs %s', (_, facts, marginBp, rule) =>
    expect(marginOf({ facts: { ...listed, ...facts } })).toMatchObject({ marginBp, rule }),
  );
  it('is margined in full where it is traded for delivery only', () =>
    expect(marginOf({ instrument: { ...ask.instrument, instrumentType: 'BE' } })).toMatchObject({
      marginBp: 10_000,
      rule: 'trade-for-trade: series BE',
    }));
  it('says since when its dearest rule holds, and all the others', () => {
    const { effectiveFrom, parts } = marginOf({});
    expect(effectiveFrom).toBe('2026-08-31');
    expect(parts.map(({ basisPoints }) => basisPoints)).toEqual([2_000, 2_000]);
  });
  it('is not to be had where no file lists it', () =>
    expect(cashMarginBp({ ...ask, facts: {} })).toEqual({
      missing: "its margin in the broker's intraday file",
    }));
});

describe('other products', () => {
  it('delivery is paid in full, listed or not, whatever the rates', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (marginBp) => {
        const facts = { intraday: { ...sourced, marginBp }, cashMargin: { ...sourced, varBp: marginBp, elmBp: 350 } };
        expect(marginOf({ product: 'CNC', facts }).marginBp).toBe(10_000);
        expect(marginOf({ product: 'CNC', facts: {} }).marginBp).toBe(10_000);
      }),
    ));
  it('a funded one needs what its file says', () =>
    expect(marginOf({ product: 'MTF' })).toMatchObject({ marginBp: 3_000, rule: "the broker's margin funding file" }));
  it('a funded one that is not listed is not to be had', () =>
    expect(cashMarginBp({ ...ask, product: 'MTF', facts: {} })).toEqual({
      missing: "its margin in the broker's margin funding file",
    }));
  it('there is no NRML of shares', () =>
    expect(cashMarginBp({ ...ask, product: 'NRML' })).toEqual({ missing: 'a margin of NRML in the cash segment' }));
  it('tells the deposit of a buyer under surveillance, and none of a seller', () => {
    const facts: InstrumentFacts = { ...listed, surveillance: [{ ...sourced, measure: 'GSM', stage: 2 }] };
    expect(marginOf({ product: 'CNC', facts }).buyerDepositBp).toBe(5_000);
    expect(marginOf({ product: 'CNC', facts, side: 'SELL' })).not.toHaveProperty('buyerDepositBp');
  });
});

it('knows nothing before its tables begin', () => {
  const facts = { intraday: { ...sourced, effectiveFrom: '2020-01-01', marginBp: 2_000 } };
  expect(cashMarginBp({ ...ask, facts, date: '2021-08-31' })).toEqual({
    missing: 'the margin parameters of 2021-08-31',
  });
  expect(cashMarginBp({ ...ask, product: 'CNC', date: '2020-04-30' })).toEqual({
    missing: 'the margin parameters of 2020-04-30',
  });
});
it("uses an admin's row from its day on", () => {
  const corrections = {
    cashMinimum: {
      all: [{ from: DATE, basisPoints: 2_500, certainty: 'confirmed', source: 'a circular' }],
    },
  } as const;
  expect(cashMarginBp(ask, corrections)).toMatchObject({ marginBp: 2_500, effectiveFrom: DATE });
  expect(cashMarginBp({ ...ask, date: '2026-08-31' }, corrections)).toMatchObject({ marginBp: 2_000 });
});

it('counts what an admin set right in a stage of surveillance', () => {
  const facts: InstrumentFacts = { ...listed, surveillance: [{ ...sourced, measure: 'ST-ASM', stage: 1 }] };
  const stage = { from: '2026-09-01', measure: 'ST-ASM', stage: 1, marginBp: 8_000 } as const;
  const { surveillance } = new MarketCalendar({ stages: [{ ...stage, certainty: 'confirmed', source: 'a circular' }] });
  expect(marginOf({ facts }).marginBp).toBe(5_000);
  expect(marginOf({ facts, surveillance }).marginBp).toBe(8_000);
});

describe('what counts from tomorrow on', () => {
  const tomorrow = { effectiveFrom: '2026-09-02', source: 'the file of this evening' } as const;
  it.each<[string, Partial<InstrumentFacts>]>([
    ['rates of the exchange', { cashMargin: { ...tomorrow, varBp: 9_000, elmBp: 350 } }],
    ['the first day of a listing', { listingDay: tomorrow }],
  ])('is not asked for today: %s', (_, facts) => {
    expect(marginOf({ facts: { ...listed, ...facts } }).marginBp).toBe(2_000);
    expect(marginOf({ facts: { ...listed, ...facts }, date: '2026-09-02' }).marginBp).toBeGreaterThan(2_000);
  });
  it.each<[CashQuestion['product'], InstrumentFacts, string]>([
    ['MIS', { intraday: { ...tomorrow, marginBp: 2_000 } }, 'intraday'],
    ['MTF', { funded: { ...tomorrow, marginBp: 3_000 } }, 'margin funding'],
  ])('is no list that a share stands in today: %s', (product, facts, file) =>
    expect(cashMarginBp({ ...ask, product, facts })).toEqual({ missing: `its margin in the broker's ${file} file` }),
  );
});
