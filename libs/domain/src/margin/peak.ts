import { basisPointsOfRoundedUp } from '../money';
import type { Missing } from './contract-risk';
import { type MarginCorrections, NONE, rowOn } from './parameters';

/** What a client's positions needed when the clearing corporation looked, and at the end of the day. 1/10,000 rupee. */
export interface DayObligation {
  /** The most of any snapshot; 0 without one. */
  readonly peakE4: number;
  readonly endOfDayE4: number;
  /** False with fewer snapshots than are taken at least: the true peak may have been higher. */
  readonly complete: boolean;
}

/** What was to be there and what was. Absent: nobody reported it, which counts as nothing. */
export interface Collection {
  readonly applicableE4: number;
  readonly collectedE4?: number;
}

export interface Shortfall {
  readonly shortfallE4: number;
  readonly applicableE4: number;
  /** Of what was to be there, basis points, rounded down. */
  readonly shareBp: number;
}

export const obligationOf = (
  snapshotsE4: readonly number[],
  endOfDayE4: number,
  date: string,
  corrections: MarginCorrections = NONE,
): DayObligation | Missing => {
  const rule = rowOn('snapshots', 'all', date, corrections);
  if (rule === undefined) return { missing: `the rule of snapshots on ${date}` };
  return {
    peakE4: snapshotsE4.reduce((most, requiredE4) => Math.max(most, requiredE4), 0),
    endOfDayE4,
    complete: snapshotsE4.length >= rule.atLeast,
  };
};

const shortfallIn = ({ applicableE4, collectedE4 = 0 }: Collection): Shortfall => {
  const shortfallE4 = Math.max(0, applicableE4 - Math.max(0, collectedE4));
  return {
    shortfallE4,
    applicableE4,
    shareBp: applicableE4 > 0 ? Number((BigInt(shortfallE4) * 10_000n) / BigInt(applicableE4)) : 0,
  };
};

/** One shortfall a day, the largest: at the peak, at the end of the day, or in what was allocated during it. */
export const shortfallOf = (collections: readonly Collection[]): Shortfall => {
  let largest: Shortfall | undefined;
  for (const shortfall of collections.map(shortfallIn))
    if (largest === undefined || shortfall.shortfallE4 > largest.shortfallE4) largest = shortfall;
  return largest ?? { shortfallE4: 0, applicableE4: 0, shareBp: 0 };
};

/**
 * What a shortfall costs the client, rounded up to 1/10,000 rupee. `dayInRow` and `dayInMonth` count this day: 1 is the
 * first one with a shortfall.
 */
export const penaltyOf = (
  { shortfallE4, applicableE4 }: Shortfall,
  { dayInRow, dayInMonth, date }: { readonly dayInRow: number; readonly dayInMonth: number; readonly date: string },
  corrections: MarginCorrections = NONE,
): { readonly rateBp: number; readonly penaltyE4: number; readonly effectiveFrom: string } | Missing => {
  const rule = rowOn('penalty', 'all', date, corrections);
  if (rule === undefined) return { missing: `the penalties of ${date}` };
  const isRepeated = dayInRow >= rule.repeatedFromDay || dayInMonth > rule.repeatedBeyondDaysInMonth;
  const isSmall =
    shortfallE4 < rule.smallBelowE4 && BigInt(shortfallE4) * 10_000n < BigInt(applicableE4) * BigInt(rule.smallBelowBp);
  const rateBp = isRepeated ? rule.repeatedBp : isSmall ? rule.smallBp : rule.otherBp;
  return { rateBp, penaltyE4: basisPointsOfRoundedUp(shortfallE4, rateBp), effectiveFrom: rule.from };
};
