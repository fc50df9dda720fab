import { latenciesOf, percentile } from './latencies';

describe('a percentile', () => {
  const oneToHundred = Float64Array.from({ length: 100 }, (_, index) => index + 1);

  it('is the value that this share of all values does not exceed', () => {
    expect(percentile(oneToHundred, 0.5)).toBe(50);
    expect(percentile(oneToHundred, 0.99)).toBe(99);
    expect(percentile(oneToHundred, 1)).toBe(100);
  });

  it('is a value that was measured, never one in between', () => {
    expect(percentile([1, 10], 0.5)).toBe(1);
    expect(percentile([1, 10], 0.51)).toBe(10);
  });

  it('of one value is that value', () => expect(percentile([7], 0.99)).toBe(7));

  it('of the lowest share is the smallest value', () => expect(percentile([3, 4], 0)).toBe(3));

  it('of nothing is refused', () => expect(() => percentile([], 0.5)).toThrow(RangeError));
});

it('sorts durations as numbers, not as text', () => {
  expect(latenciesOf([100, 9, 20])).toEqual({ count: 3, p50Ms: 20, p99Ms: 100, maxMs: 100 });
});
