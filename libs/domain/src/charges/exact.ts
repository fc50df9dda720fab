/**
 * An amount that is never rounded before it is summed: `e4` whole 1/10,000 rupees and `e13` billionths of one more, from 0
 * to 999,999,999. Two safe integers instead of a bigint, so that it is plain JSON and quick. Never negative.
 */
export interface Exact {
  readonly e4: number;
  readonly e13: number;
}

/** A rate of 100 % in parts per billion, which are paise per crore: 0.1 % is 1,000,000, Rs 10 per crore is 1,000. */
export const WHOLE_E9 = 1_000_000_000;

export const NOTHING: Exact = { e4: 0, e13: 0 };

export const exactly = (amountE4: number): Exact => (amountE4 === 0 ? NOTHING : { e4: amountE4, e13: 0 });

export const plus = (one: Exact, other: Exact): Exact => {
  if (one.e4 === 0 && one.e13 === 0) return other;
  if (other.e4 === 0 && other.e13 === 0) return one;
  const e13 = one.e13 + other.e13;
  return e13 < WHOLE_E9 ? { e4: one.e4 + other.e4, e13 } : { e4: one.e4 + other.e4 + 1, e13: e13 - WHOLE_E9 };
};

/** What is left of `one` without `part`, which it contains. */
export const minus = (one: Exact, part: Exact): Exact => {
  const e13 = one.e13 - part.e13;
  return e13 >= 0 ? { e4: one.e4 - part.e4, e13 } : { e4: one.e4 - part.e4 - 1, e13: e13 + WHOLE_E9 };
};

export const lesser = (one: Exact, other: Exact): Exact =>
  one.e4 < other.e4 || (one.e4 === other.e4 && one.e13 <= other.e13) ? one : other;

/** An amount at a rate of at most 100 %, exactly, for every amount that is a safe integer. */
export const atRate = (amountE4: number, rateE9: number): Exact => {
  if (rateE9 === 0 || amountE4 === 0) return NOTHING;
  const product = amountE4 * rateE9;
  if (product <= Number.MAX_SAFE_INTEGER) {
    const e13 = product % WHOLE_E9;
    return { e4: (product - e13) / WHOLE_E9, e13 };
  }
  // By parts, each product a safe integer: amount = billions × 10^9 + tenThousands × 10^4 + units.
  const belowBillion = amountE4 % WHOLE_E9;
  const billions = (amountE4 - belowBillion) / WHOLE_E9;
  const units = belowBillion % 10_000;
  const tenThousands = (belowBillion - units) / 10_000;
  const fraction = (tenThousands * rateE9) % 100_000;
  const rest = fraction * 10_000 + units * rateE9;
  const e13 = rest % WHOLE_E9;
  return {
    e4: billions * rateE9 + (tenThousands * rateE9 - fraction) / 100_000 + (rest - e13) / WHOLE_E9,
    e13,
  };
};

/** An exact amount at a rate, cut off below 1/10,000 rupee: rounding half up to paise afterwards sees no difference. */
export const wholeE4AtRate = ({ e4, e13 }: Exact, rateE9: number): number => {
  const whole = atRate(e4, rateE9);
  return whole.e4 + (whole.e13 + atRate(e13, rateE9).e4 >= WHOLE_E9 ? 1 : 0);
};

const halfUp = (amountE4: number, unitE4: number): number => {
  const raised = amountE4 + unitE4 / 2;
  return raised - (raised % unitE4);
};

/** Half up to the paisa. What lies below 1/10,000 rupee cannot decide it: half a paisa is a whole number of those. */
export const toPaise = (amountE4: number): number => halfUp(amountE4, 100);

/** Half up to the paisa, then half up to the rupee, as notes are billed: 12.495 is 12.50 is 13. */
export const toRupeesViaPaise = (amountE4: number): number => halfUp(toPaise(amountE4), 10_000);
