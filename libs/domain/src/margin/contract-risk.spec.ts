import { contractRiskOf, monthsLater, priceScanRangeE4 } from './contract-risk';
import { MARGIN_TABLES, type MarginCorrections } from './parameters';
import { groupMargin } from './portfolio';
import { A, closedAt, FAR, future, index, indexAt, NEAR, option, riskOf, rupees, share, TODAY } from './samples';

const LOT = 65;

/** The worked example's volatility range is 4 points: its index is calm enough for the floors. */
const near = (actualE4: readonly number[], expectedE4: readonly number[]): void => {
  expect(actualE4).toHaveLength(expectedE4.length);
  actualE4.forEach((lossE4, at) => {
    expect(Math.abs(lossE4 - (expectedE4[at] ?? Number.NaN))).toBeLessThanOrEqual(rupees(0.01));
  });
};

/** An index whose volatility leaves the floors alone: 25 % of its annual one is less than 4 points. */
const calm = indexAt(24_000, 7_000);

describe('worked example A: the arrays', () => {
  it('of the future is the scan range times the move, two thirds beyond it at 35 %', () =>
    expect(riskOf(future(), 24_000, { underlying: calm }).scenarioLossE4).toEqual(A.future.scenarioLossE4));
  it.each([
    ['24500 CE', option('CE', 24_500), 109.49, A.call24500],
    ['25000 CE', option('CE', 25_000), 31.05, A.call25000],
    ['23500 PE', option('PE', 23_500), 104.68, A.put23500],
  ] as const)('of the %s, its volatility taken from its price, within a paisa', (_, instrument, price, expected) => {
    const risk = riskOf(instrument, price, { underlying: calm, futurePriceE4: rupees(24_000) });
    near(risk.scenarioLossE4, expected.scenarioLossE4);
    expect(Math.abs((risk.volatilityMillionths ?? 0) - 130_000)).toBeLessThan(10);
    expect(risk.reliable).toBe(true);
  });
  it('gives the 24500 CE a delta of 0.2539', () =>
    expect(Math.round(riskOf(option('CE', 24_500), 109.49, { underlying: calm }).deltaMillionths / 100) / 10_000).toBe(
      0.2539,
    ));
});

describe('the scan range', () => {
  const range = MARGIN_TABLES.scanRange.index[0];
  if (range === undefined) throw new Error('the table has a row');
  it('is the floor while the market is calm, and six sigmas over two days when it is not', () => {
    expect(priceScanRangeE4(rupees(24_000), 10_960, range)).toBe(rupees(2_232));
    // 6 × 1.2 % × √2 = 10.182338 %, rounded up to a millionth
    expect(priceScanRangeE4(rupees(24_000), 12_000, range)).toBe(rupees(24_000 * 0.101824));
  });
  it('is wider for options on an index that end in more than nine months, and only for them', () => {
    const scan = (instrument: ReturnType<typeof future>) =>
      Math.abs(riskOf(instrument, 24_000).scenarioLossE4[10] ?? 0);
    expect(scan(future('2027-06-29'))).toBe(rupees(2_232));
    const put = (expiry: string) => riskOf(option('PE', 60_000, expiry), 36_000).scenarioLossE4[10] ?? 0;
    expect(Math.abs(put('2027-06-01') - rupees(2_232))).toBeLessThan(rupees(1));
    expect(Math.abs(put('2027-06-02') - rupees(24_000 * 0.177))).toBeLessThan(rupees(1));
  });
  it('of a share is 14.2 % at least', () =>
    expect(riskOf(future(), 1_700, { underlying: share }).scenarioLossE4[12]).toBe(rupees(1_700 * 0.142)));
  it('takes the daily volatility of a published annual one by the root of 365: 9.3 % of the SEP-2026 future at 24,341.90', () => {
    const underlying = indexAt(24_341.9, 7_000);
    const { spanE4, elmE4, totalE4 } = groupMargin([
      { risk: riskOf(future(), 24_341.9, { underlying }), quantity: LOT },
    ]);
    expect([spanE4, elmE4, totalE4].map((amountE4) => Math.round(amountE4 / 100) / 100)).toEqual([
      147_146.79, 31_644.47, 178_791.26,
    ]);
  });
  it('of volatility is a quarter of the annual one, 1 % a day being 19.1 a year, or the floor', () => {
    // The vega of an option at the money: as far as volatility moves in scenario 1.
    const gain = (sigmaMillionths: number) =>
      -(riskOf(option('CE', 24_000), 300, { underlying: indexAt(24_000, sigmaMillionths) }).scenarioLossE4[0] ?? 0);
    expect(gain(8_300)).toBe(gain(4_000)); // 15.9 points a year: the floor of 4
    expect(gain(10_000) / gain(8_300)).toBeCloseTo((0.25 * 0.01 * Math.sqrt(365)) / 0.04, 2);
  });
});

describe('extreme loss margin', () => {
  const elmOf = (instrument: ReturnType<typeof future>, price: number, quantity: number, also = {}) =>
    groupMargin([{ risk: riskOf(instrument, price, also), quantity }]).elmE4;
  const lastDay = { date: NEAR };
  const call = option('CE', 24_500);
  const farOut = option('CE', 26_800);

  it.each([
    ['a short 24500 CE, 2 %', elmOf(call, 109.49, -LOT), 31_200],
    ['the same on its last day, 4 %', elmOf(call, 109.49, -LOT, lastDay), 62_400],
    ['a short 26800 CE, 11.67 % out of the money, 3 %', elmOf(farOut, 0.5, -LOT), 46_800],
    ['the same on its last day, 5 %', elmOf(farOut, 0.5, -LOT, lastDay), 78_000],
    [
      'a short option on a share, 3.5 % of 8,50,000',
      elmOf(option('CE', 1_750), 20, -500, { underlying: share }),
      29_750,
    ],
    ['an option held', elmOf(call, 109.49, LOT), 0],
    ['an option held on its last day', elmOf(call, 109.49, LOT, lastDay), 0],
    ['a future', elmOf(future(), 24_000, LOT), 31_200],
    ['a future on its last day', elmOf(future(), 24_000, LOT, lastDay), 31_200],
    [
      'a short option that ends in more than nine months, 5 %',
      elmOf(option('CE', 24_500, '2027-12-28'), 1_500, -LOT),
      78_000,
    ],
  ])('%s', (_, amountE4, expected) => expect(amountE4).toBe(rupees(expected)));

  it.each([
    ['10 % out of the money is not far', 'CE', 26_400, 200],
    ['a paisa more is', 'CE', 26_400.01, 300],
    ['a put, as far below', 'PE', 21_599.99, 300],
    ['in the money is not out of it', 'PE', 30_000, 200],
  ] as const)('%s', (_, kind, strike, basisPoints) =>
    expect(riskOf(option(kind, strike), kind === 'PE' && strike > 24_000 ? 6_100 : 5).elmBp).toBe(basisPoints),
  );
  it('is what the file of the day says, where there is one', () => {
    const underlying = { ...index, elm: { effectiveFrom: '2026-08-31', source: 'file', othersBp: 210, farOutBp: 315 } };
    expect(riskOf(call, 109.49, { underlying })).toMatchObject({ elmBp: 210, asOf: '2026-08-31' });
    expect(riskOf(farOut, 0.5, { underlying })).toMatchObject({ elmBp: 315 });
    expect(riskOf(future(), 24_000, { underlying })).toMatchObject({ elmBp: 210 });
    expect(riskOf(call, 109.49, { underlying, ...lastDay })).toMatchObject({ elmBp: 410 });
  });
});

describe('rules that changed on a date', () => {
  it.each([
    ['an index, before 20 November 2024', index, '2024-11-19', 200, true],
    ['an index, from then on', index, '2024-11-20', 400, true],
    ['an index, the last day with calendar benefit', index, '2025-02-09', 400, true],
    ['an index, without', index, '2025-02-10', 400, false],
    ['a share, the last day with', share, '2026-05-04', 350, true],
    ['a share, without', share, '2026-05-05', 350, false],
  ] as const)('the last day of an option on %s', (_, underlying, date, elmBp, hasCalendarBenefit) => {
    const strike = (underlying.price?.priceE4 ?? 0) / 10_000;
    const risk = riskOf(option('CE', strike, date), strike / 100, { underlying, date });
    expect(risk).toMatchObject({ elmBp, hasCalendarBenefit });
  });
  it('the day before its last an option still hedges', () =>
    expect(riskOf(option('CE', 24_500, FAR), 109.49, { date: '2026-10-25' }).hasCalendarBenefit).toBe(true));
  it('knows nothing before its tables begin', () =>
    expect(
      contractRiskOf({ instrument: future(), facts: closedAt(24_000), underlying: index, date: '2020-04-30' }),
    ).toEqual({ missing: 'the margin parameters of 2020-04-30' }));
  it("uses an admin's row from its day on", () => {
    const [shipped] = MARGIN_TABLES.scanRange.index;
    if (shipped === undefined) throw new Error('the table has a row');
    const corrections: MarginCorrections = {
      scanRange: { index: [{ ...shipped, from: '2026-09-01', priceFloorBp: 1_000 }] },
    };
    const lossOn = (date: string) => {
      const risk = contractRiskOf(
        { instrument: future(), facts: closedAt(24_000), underlying: index, date },
        corrections,
      );
      return 'missing' in risk ? risk : risk.scenarioLossE4[12];
    };
    expect(lossOn('2026-08-31')).toBe(rupees(2_232));
    expect(lossOn(TODAY)).toBe(rupees(2_400));
  });
});

describe('an option whose price no volatility explains', () => {
  it('at or below what exercise would bring is computed with the volatility of the underlying, and flagged', () => {
    const risk = riskOf(option('CE', 20_000), 3_900);
    expect(risk).toMatchObject({ reliable: false, volatilityMillionths: Math.round(10_000 * Math.sqrt(365)) });
    expect(Math.max(...risk.scenarioLossE4)).toBeLessThanOrEqual(rupees(3_900));
  });
  it('held, it still needs nothing', () =>
    expect(groupMargin([{ risk: riskOf(option('CE', 20_000), 3_900), quantity: LOT }]).totalE4).toBe(0));
  it('priced below a paisa it loses no more than its price, although losses are rounded to one', () => {
    const risk = riskOf(option('CE', 26_800), 0.005);
    expect(Math.max(...risk.scenarioLossE4)).toBe(rupees(0.005));
    expect(groupMargin([{ risk, quantity: LOT }]).totalE4).toBe(0);
  });
  it('above what any could be worth has no margin', () =>
    expect(
      contractRiskOf({ instrument: option('CE', 24_500), facts: closedAt(24_100), underlying: index, date: TODAY }),
    ).toEqual({ missing: 'a settlement price that any volatility explains' }));
});

describe('what is missing', () => {
  const known = { instrument: option('CE', 24_500), facts: closedAt(109.49), underlying: index, date: TODAY };
  const { price: _price, ...unpriced } = index;
  const { dailySigma: _sigma, ...unmoved } = index;
  const { strikeE4: _strike, ...struckNowhere } = known.instrument;
  const { expiry: _expiry, ...endless } = known.instrument;
  it.each([
    ['the settlement price', { facts: {} }],
    ['the settlement price', { facts: closedAt(0) }],
    ['the price of NIFTY', { underlying: unpriced }],
    ['the daily volatility of NIFTY', { underlying: unmoved }],
    ['the strike', { instrument: struckNowhere }],
    ['the expiry', { instrument: endless }],
    ['a margin of what has expired', { date: '2026-09-22' }],
    ['the margin model of MCX_FO', { instrument: { ...known.instrument, segment: 'MCX_FO' as const } }],
    ['what kind of contract EQ is', { instrument: { ...known.instrument, instrumentType: 'EQ' } }],
  ])('%s', (missing, change) => expect(contractRiskOf({ ...known, ...change })).toEqual({ missing }));
});

it.each([
  ['2026-01-31', 1, '2026-02-28'],
  ['2026-09-01', 9, '2027-06-01'],
  ['2026-05-31', 9, '2027-02-28'],
  ['2027-05-31', 9, '2028-02-29'],
])('%s and %p months is %s', (date, months, later) => expect(monthsLater(date, months)).toBe(later));
