import { obligationOf, penaltyOf, shortfallOf } from './peak';
import { rupees } from './samples';

const DATE = '2026-09-01';
const once = { dayInRow: 1, dayInMonth: 1, date: DATE };
const collected = (applicable: number, held?: number) => ({
  applicableE4: rupees(applicable),
  ...(held !== undefined && { collectedE4: rupees(held) }),
});

it('the peak is the most of four snapshots, whatever is left at the end of the day', () =>
  expect(obligationOf([110_000, 140_000, 95_000, 120_000].map(rupees), rupees(125_000), DATE)).toEqual({
    peakE4: rupees(140_000),
    endOfDayE4: rupees(125_000),
    complete: true,
  }));
it('of fewer snapshots it may not be the peak', () =>
  expect(obligationOf([110_000, 140_000, 95_000].map(rupees), 0, DATE)).toMatchObject({ complete: false }));

it.each([
  ['7.14 % short of 1,40,000', 140_000, 130_000, 10_000, 714, 50, 50],
  ['16.67 % short of 90,000', 90_000, 75_000, 15_000, 1_666, 100, 150],
  ['9.17 % of 12,00,000, but more than a lakh', 1_200_000, 1_090_000, 110_000, 916, 100, 1_100],
  ['exactly a lakh, which is not below it', 1_200_000, 1_100_000, 100_000, 833, 100, 1_000],
  ['exactly 10 %, which is not below it', 100_000, 90_000, 10_000, 1_000, 100, 100],
  ['nothing short', 100_000, 120_000, 0, 0, 50, 0],
])('%s', (_, applicable, held, short, shareBp, rateBp, penalty) => {
  const shortfall = shortfallOf([collected(applicable, held)]);
  expect(shortfall).toEqual({ shortfallE4: rupees(short), applicableE4: rupees(applicable), shareBp });
  expect(penaltyOf(shortfall, once)).toMatchObject({ rateBp, penaltyE4: rupees(penalty) });
});
it('the day has one shortfall, the largest of peak, end of day and allocation', () =>
  expect(shortfallOf([collected(140_000, 130_000), collected(125_000, 100_000), collected(50_000, 50_000)])).toEqual({
    shortfallE4: rupees(25_000),
    applicableE4: rupees(125_000),
    shareBp: 2_000,
  }));
it('what nobody reported was not collected', () =>
  expect(shortfallOf([collected(90_000)])).toMatchObject({ shortfallE4: rupees(90_000), shareBp: 10_000 }));
it('a day without obligations has no shortfall', () =>
  expect(shortfallOf([])).toEqual({ shortfallE4: 0, applicableE4: 0, shareBp: 0 }));

it.each([
  ['the third day in a row', { dayInRow: 3, dayInMonth: 3 }, 50],
  ['the fourth day in a row', { dayInRow: 4, dayInMonth: 4 }, 500],
  ['the fifth day of a month', { dayInRow: 1, dayInMonth: 5 }, 50],
  ['the sixth day of a month', { dayInRow: 1, dayInMonth: 6 }, 500],
])('%s', (_, days, rateBp) =>
  expect(penaltyOf(shortfallOf([collected(140_000, 130_000)]), { ...days, date: DATE })).toMatchObject({ rateBp }),
);
it('knows nothing before its tables begin', () => {
  expect(penaltyOf(shortfallOf([]), { ...once, date: '2021-08-31' })).toEqual({
    missing: 'the penalties of 2021-08-31',
  });
  expect(obligationOf([], 0, '2021-08-31')).toEqual({ missing: 'the rule of snapshots on 2021-08-31' });
});
