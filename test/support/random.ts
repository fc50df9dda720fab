/** Choices that repeat with their seed. */
export interface Choices {
  /** From 0 to below 1. */
  next(): number;
  pick<T>(values: readonly T[]): T;
  /** In another order. */
  shuffle<T>(values: readonly T[]): readonly T[];
}

export const choicesFrom = (seed: number): Choices => {
  const next = randomFrom(seed);
  const takeFrom = <T>(values: T[]): T => {
    const [value] = values.splice(Math.floor(next() * values.length), 1);
    if (value === undefined) throw new RangeError('nothing to choose from');
    return value;
  };
  return {
    next,
    pick: (values) => takeFrom([...values]),
    shuffle: (values) => {
      const left = [...values];
      return values.map(() => takeFrom(left));
    },
  };
};

/** Random numbers from 0 to below 1 that repeat with their seed (mulberry32). */
const randomFrom = (start: number): (() => number) => {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
