import type { Dated } from '../dated';
import { MARGIN_TABLES, rowOn } from './parameters';

const tables = Object.entries(MARGIN_TABLES).flatMap(([table, keys]) =>
  Object.entries<readonly Dated[]>(keys).map(([key, rows]) => [`${table} ${key}`, rows] as const),
);

describe.each(tables)('%s', (_, rows) => {
  it('has rows that are sorted by day, each day once, and says where each is from', () => {
    const days = rows.map(({ from }) => from);
    expect(days.length).toBeGreaterThan(0);
    expect(days).toEqual([...new Set(days)].sort());
    for (const { from, source } of rows) {
      expect(from).toMatch(/^\d{4}-\d\d-\d\d$/);
      expect(source).not.toBe('');
    }
  });
});

it('the scenarios are sixteen: seven moves with volatility up and down, and two extreme ones at 35 %', () => {
  const { scenarios } = rowOn('scenarios', 'all', '2026-01-02') ?? { scenarios: [] };
  expect(scenarios.map(({ moveThirds, volatility, coverBp }) => [moveThirds, volatility, coverBp])).toEqual([
    ...[0, 1, -1, 2, -2, 3, -3].flatMap((move) => [
      [move, 1, 10_000],
      [move, -1, 10_000],
    ]),
    [6, 0, 3_500],
    [-6, 0, 3_500],
  ]);
});

describe('a correction', () => {
  const row = (from: string, basisPoints: number) =>
    ({ from, basisPoints, certainty: 'confirmed', source: 'an admin' }) as const;
  const corrections = { lastDayAddition: { index: [row('2024-11-20', 250), row('2026-06-01', 300)] } } as const;
  const rateOn = (date: string) => rowOn('lastDayAddition', 'index', date, corrections)?.basisPoints;

  it('replaces the row of its day, adds one where there is none, and leaves the others', () => {
    expect(rateOn('2024-11-19')).toBe(0);
    expect(rateOn('2024-11-20')).toBe(250);
    expect(rateOn('2026-05-31')).toBe(250);
    expect(rateOn('2026-06-01')).toBe(300);
    expect(rowOn('lastDayAddition', 'stock', '2026-06-01', corrections)?.basisPoints).toBe(0);
  });
  it('leaves what is shipped as it is', () =>
    expect(rowOn('lastDayAddition', 'index', '2026-06-01')?.basisPoints).toBe(200));
});
