import fc from 'fast-check';
import { gainE4 } from './contract-risk';
import { future, option, riskOf, rupees, TODAY } from './samples';
import { historicalVar, parametricVar, replayedE4, type RiskFactor, tailOf, throttle } from './value-at-risk';

const source = 'closes of 31 August 2026';
const day = { minutesLeft: 375, sessionMinutes: 375 };

const factor = (name: string, exposure: number, dailySigmaMillionths: number): RiskFactor => ({
  name,
  exposureE4: rupees(exposure),
  dailySigmaMillionths,
});

describe('parametric', () => {
  const factors = [factor('one', 1_000_000, 15_000), factor('other', -600_000, 10_000)];
  const ask: Parameters<typeof parametricVar>[0] = {
    factors,
    correlationBp: () => 6_000,
    confidenceBp: 9_900,
    session: day,
    source,
  };
  const amountOf = (change: Partial<typeof ask>) => {
    const found = parametricVar({ ...ask, ...change });
    if ('missing' in found) throw new Error(found.missing);
    return found;
  };
  const rupeesOf = (amountE4: number) => Math.round(amountE4 / 100) / 100;

  it('two factors of which one hedges: σ 12,369.32, 28,775.34 in a day at 99 %', () => {
    const { dailySigmaE4, valueAtRiskE4, ...said } = amountOf({});
    expect([dailySigmaE4, valueAtRiskE4].map(rupeesOf)).toEqual([12_369.32, 28_775.34]);
    expect(said).toEqual({ method: 'parametric', confidenceBp: 9_900, horizon: '1 day', source });
  });
  it('with 120 of 375 minutes left: 16,277.79', () => {
    const { valueAtRiskE4, horizon } = amountOf({ session: { minutesLeft: 120, sessionMinutes: 375 } });
    expect(rupeesOf(valueAtRiskE4)).toBe(16_277.79);
    expect(horizon).toBe('120 of 375 minutes');
  });
  it('at 95 % it is smaller by the deviations', () =>
    expect(amountOf({ confidenceBp: 9_500 }).valueAtRiskE4 / amountOf({}).valueAtRiskE4).toBeCloseTo(
      1.644854 / 2.326348,
      6,
    ));
  it('an unknown correlation is taken as the worst one', () =>
    expect(rupeesOf(amountOf({ correlationBp: () => undefined }).dailySigmaE4)).toBe(21_000));
  it('the same factor twice is one position', () =>
    expect(amountOf({ factors: [factor('one', 400_000, 15_000), factor('one', 600_000, 15_000)] }).valueAtRiskE4).toBe(
      amountOf({ factors: [factor('one', 1_000_000, 15_000)] }).valueAtRiskE4,
    ));
  it('nothing held risks nothing', () => expect(amountOf({ factors: [] }).valueAtRiskE4).toBe(0));
  it.each([
    ['a confidence nobody tabled', { confidenceBp: 9_750 }, 'how many deviations 97.5 % are'],
    ['a session without a length', { session: { minutesLeft: 1, sessionMinutes: 0 } }, 'how long the session lasts'],
    ['an exposure that is no number', { factors: [factor('one', Number.NaN, 1)] }, 'an exposure or a volatility'],
    [
      'three factors each of which is the opposite of the others',
      { factors: ['a', 'b', 'c'].map((name) => factor(name, 100, 10_000)), correlationBp: () => -10_000 },
      'correlations that agree with each other',
    ],
  ])('has no answer to %s', (_, change, missing) => expect(parametricVar({ ...ask, ...change })).toEqual({ missing }));
  it('is never more than its factors apart, and never negative', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.integer({ min: 0, max: 100_000 })), { maxLength: 6 }),
        fc.integer({ min: -1_500, max: 10_000 }),
        (rows, correlation) => {
          const several = rows.map(([exposure, sigma], index) => factor(String(index), exposure, sigma));
          const together = amountOf({ factors: several, correlationBp: () => correlation }).valueAtRiskE4;
          const apart = several.reduce((sum, one) => sum + amountOf({ factors: [one] }).valueAtRiskE4, 0);
          expect(together).toBeGreaterThanOrEqual(0);
          expect(together).toBeLessThanOrEqual(apart + 1);
        },
      ),
    ));
});

describe('historical', () => {
  const profits = [
    ...[1_200, -3_400, 560, -780, 2_300, -4_100, 150, -950, 3_300, -2_600],
    ...[410, -120, 880, -5_200, 1_900, -640, 70, -3_100, 260, -1_750],
  ];
  const ask = { profitsE4: profits.map(rupees), confidenceBp: 9_000, horizon: '1 day', source };

  it('at 90 % of twenty days: the second worst, 4,100, and 4,650 on average from it on', () =>
    expect(historicalVar(ask)).toEqual({
      method: 'historical',
      confidenceBp: 9_000,
      horizon: '1 day',
      source,
      outcomes: 20,
      valueAtRiskE4: rupees(4_100),
      expectedShortfallE4: rupees(4_650),
    }));
  it('at 95 %: the worst, 5,200', () =>
    expect(historicalVar({ ...ask, confidenceBp: 9_500 })).toMatchObject({
      valueAtRiskE4: rupees(5_200),
      expectedShortfallE4: rupees(5_200),
    }));
  it.each([
    [20, 9_000, 2],
    [20, 9_500, 1],
    [20, 9_900, 1],
    [10, 9_000, 1],
    [250, 9_900, 2],
    [300, 9_900, 3],
    [1, 9_900, 1],
  ])('of %p outcomes at %p the tail is %p', (outcomes, confidenceBp, tail) =>
    expect(tailOf(outcomes, confidenceBp)).toBe(tail),
  );
  it('days that all made money risk nothing', () =>
    expect(historicalVar({ ...ask, profitsE4: [1, 2, 3] })).toMatchObject({
      valueAtRiskE4: 0,
      expectedShortfallE4: 0,
    }));
  it('has no answer without a past, nor at a confidence that is none', () => {
    expect(historicalVar({ ...ask, profitsE4: [] })).toEqual({ missing: 'past returns' });
    expect(historicalVar({ ...ask, confidenceBp: 10_000 })).toEqual({ missing: 'a confidence between 0 and 100 %' });
  });
  it('does not depend on the order of days, and the mean of the tail is never less than its least', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1 }), (profitsE4) => {
        const found = historicalVar({ ...ask, profitsE4 });
        if ('missing' in found) throw new Error(found.missing);
        expect(historicalVar({ ...ask, profitsE4: profitsE4.slice().reverse() })).toEqual(found);
        expect(found.expectedShortfallE4).toBeGreaterThanOrEqual(found.valueAtRiskE4);
      }),
    ));
  it('replays past returns on what is held today', () => {
    expect(
      replayedE4(
        [rupees(1_000), rupees(-500)],
        [
          [10_000, 20_000],
          [-30_000, 10_000],
        ],
      ),
    ).toEqual([rupees(0), rupees(-35)]);
    expect(replayedE4([1, 2], [[10_000]])).toEqual({ missing: 'a return of every factor on every day' });
  });
});

describe('what a contract gains when the underlying moves', () => {
  const call = riskOf(option('CE', 24_500), 109.49);
  it('a future gains the move', () => expect(gainE4(riskOf(future(), 24_000), 10_000, TODAY)).toBe(rupees(240)));
  it('nothing when nothing moves', () => expect(gainE4(call, 0, TODAY)).toBe(0));
  it('a call loses less than it gains, which its delta does not know', () => {
    const up = gainE4(call, 20_000, TODAY) ?? Number.NaN;
    const down = gainE4(call, -20_000, TODAY) ?? Number.NaN;
    const linear = rupees(480 * (call.deltaMillionths / 1_000_000));
    expect(up).toBeGreaterThan(1.3 * linear);
    expect(down).toBeLessThan(0);
    expect(-down).toBeLessThan(0.8 * linear);
  });
  it('an option cannot lose more than its price', () =>
    expect(gainE4(call, -900_000, TODAY)).toBeGreaterThanOrEqual(rupees(-109.49)));
  it('is not known where the tables are silent', () => expect(gainE4(call, 10_000, '2020-04-30')).toBeUndefined());
});

describe('the throttle', () => {
  const limitE4 = rupees(100_000);
  it.each<[string, number, number, 'normal' | 'caution' | 'blocked', boolean]>([
    ['below 80 % anything goes', 0, 79_999.9999, 'normal', true],
    ['at 80 % no new risk does', 70_000, 80_000, 'caution', false],
    ['but what lowers it does', 90_000, 85_000, 'caution', true],
    ['above the limit too', 150_000, 140_000, 'blocked', true],
    ['at the limit nothing new does', 99_000, 100_000, 'blocked', false],
    ['what leaves it as it is does not lower it', 85_000, 85_000, 'caution', false],
    ['a sale that raises it is stopped like any other', 60_000, 120_000, 'blocked', false],
  ])('%s', (_, before, after, state, allowed) =>
    expect(throttle({ beforeE4: rupees(before), afterE4: rupees(after), limitE4, date: TODAY })).toMatchObject({
      state,
      allowed,
    }),
  );
  it('a limit of nothing blocks everything new', () =>
    expect(throttle({ beforeE4: 0, afterE4: 0, limitE4: 0, date: TODAY })).toMatchObject({ state: 'blocked' }));
  it('has no answer before its table begins', () =>
    expect(throttle({ beforeE4: 0, afterE4: 0, limitE4, date: '2020-04-30' })).toEqual({
      missing: 'where a limit begins to throttle on 2020-04-30',
    }));
});
