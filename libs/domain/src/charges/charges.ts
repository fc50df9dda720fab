/**
 * What trading costs, line by line, in 1/10,000 rupee. `totalE4` is the sum of the rounded lines, as it is billed. A share of a
 * note that a trade is given may be negative in a line: a delivery that turns out to be squared off has paid too much.
 */
export interface Charges {
  readonly brokerageE4: number;
  /** Securities transaction tax; of commodities, the commodities transaction tax. */
  readonly sttE4: number;
  readonly exchangeE4: number;
  readonly sebiE4: number;
  readonly stampE4: number;
  /** On brokerage, exchange and SEBI charges, and on clearing. Never on taxes. */
  readonly gstE4: number;
  readonly clearingE4: number;
  /** Of the depository, with its own GST in it: it is billed beside the note. */
  readonly dpE4: number;
  readonly totalE4: number;
}

/** Lines and their sum. */
export const summed = (lines: Omit<Charges, 'totalE4'>): Charges => {
  const { brokerageE4, sttE4, exchangeE4, sebiE4, stampE4, gstE4, clearingE4, dpE4 } = lines;
  const totalE4 = brokerageE4 + sttE4 + exchangeE4 + sebiE4 + stampE4 + gstE4 + clearingE4 + dpE4;
  return { ...lines, totalE4 };
};

export const NO_CHARGES: Charges = summed({
  brokerageE4: 0,
  sttE4: 0,
  exchangeE4: 0,
  sebiE4: 0,
  stampE4: 0,
  gstE4: 0,
  clearingE4: 0,
  dpE4: 0,
});

/** Line by line: `sign` 1 adds, -1 takes away. */
const combined = (one: Charges, other: Charges, sign: 1 | -1): Charges =>
  summed({
    brokerageE4: one.brokerageE4 + sign * other.brokerageE4,
    sttE4: one.sttE4 + sign * other.sttE4,
    exchangeE4: one.exchangeE4 + sign * other.exchangeE4,
    sebiE4: one.sebiE4 + sign * other.sebiE4,
    stampE4: one.stampE4 + sign * other.stampE4,
    gstE4: one.gstE4 + sign * other.gstE4,
    clearingE4: one.clearingE4 + sign * other.clearingE4,
    dpE4: one.dpE4 + sign * other.dpE4,
  });

export const plusCharges = (one: Charges, other: Charges): Charges => combined(one, other, 1);

/** What has been added to a note between two looks at it. */
export const chargesBetween = (before: Charges, after: Charges): Charges => combined(after, before, -1);
