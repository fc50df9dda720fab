/** What a set of durations looks like, in milliseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/**
 * Nearest rank: the smallest value that at least `share` (0 to 1) of all values do not exceed.
 * @param sorted ascending
 * @throws RangeError when there is no value.
 */
export const percentile = (sorted: ArrayLike<number>, share: number): number => {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no value, no percentile');
  return value;
};

/** @throws RangeError when there is no duration. */
export const latenciesOf = (durationsMs: readonly number[]): Latencies => {
  const sorted = Float64Array.from(durationsMs).sort();
  return {
    count: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: percentile(sorted, 1),
  };
};
