import type { Missing } from './contract-risk';
import { type MarginCorrections, NONE, rowOn } from './parameters';

/** What may be lost, with everything that says what the figure means. 1/10,000 rupee. */
export interface ValueAtRisk {
  readonly method: 'parametric' | 'historical';
  readonly confidenceBp: number;
  readonly horizon: string;
  /** Where prices and returns are from, and of when. */
  readonly source: string;
  readonly valueAtRiskE4: number;
}

/** A position in rupees of what moves it, signed, and how much that moves in a day (1.2 % is 12,000). */
export interface RiskFactor {
  readonly name: string;
  readonly exposureE4: number;
  readonly dailySigmaMillionths: number;
}

/** What is left of the session. All of it: a day. */
export interface Session {
  readonly minutesLeft: number;
  readonly sessionMinutes: number;
}

/** How many standard deviations a confidence is, in millionths. */
const DEVIATIONS_MILLIONTHS: Readonly<Record<number, number>> = { 9_500: 1_644_854, 9_900: 2_326_348 };

/** From a model's rupees to money: a risk must never be understated by rounding. */
const roundedUpE4 = (amountE4: number): number => Math.max(0, Math.ceil(amountE4 - 1e-6));

const horizonOf = ({ minutesLeft, sessionMinutes }: Session): string =>
  minutesLeft >= sessionMinutes ? '1 day' : `${String(minutesLeft)} of ${String(sessionMinutes)} minutes`;

/**
 * Variance and covariance: what the factors may lose together until the session ends, if their returns are normal. Two
 * factors whose correlation nobody knows are taken to move so that it hurts most. Options count with their delta
 * here, which understates those that were sold: value them anew with `historicalVar`.
 */
export const parametricVar = ({
  factors,
  correlationBp,
  confidenceBp,
  session,
  source,
}: {
  readonly factors: readonly RiskFactor[];
  /** From −10,000 to 10,000. */
  readonly correlationBp: (one: string, other: string) => number | undefined;
  readonly confidenceBp: number;
  readonly session: Session;
  readonly source: string;
}): (ValueAtRisk & { readonly dailySigmaE4: number }) | Missing => {
  const deviations = DEVIATIONS_MILLIONTHS[confidenceBp];
  if (deviations === undefined) return { missing: `how many deviations ${String(confidenceBp / 100)} % are` };
  if (!(session.sessionMinutes > 0 && session.minutesLeft >= 0)) return { missing: 'how long the session lasts' };
  let variance = 0;
  for (const [index, one] of factors.entries()) {
    const oneE4 = (one.exposureE4 * one.dailySigmaMillionths) / 1_000_000;
    variance += oneE4 * oneE4;
    for (const other of factors.slice(0, index)) {
      const product = (oneE4 * other.exposureE4 * other.dailySigmaMillionths) / 1_000_000;
      const known = one.name === other.name ? 10_000 : correlationBp(one.name, other.name);
      variance += 2 * (known === undefined ? Math.abs(product) : (product * known) / 10_000);
    }
  }
  if (!Number.isFinite(variance)) return { missing: 'an exposure or a volatility' };
  // Correlations that contradict each other: no portfolio varies by less than nothing.
  if (variance < -1) return { missing: 'correlations that agree with each other' };
  const dailySigmaE4 = Math.sqrt(Math.max(0, variance));
  const share = Math.min(1, session.minutesLeft / session.sessionMinutes);
  return {
    method: 'parametric',
    confidenceBp,
    horizon: horizonOf(session),
    source,
    dailySigmaE4: roundedUpE4(dailySigmaE4),
    valueAtRiskE4: roundedUpE4((deviations / 1_000_000) * dailySigmaE4 * Math.sqrt(share)),
  };
};

/** How many of n outcomes lie beyond the confidence: at least one. In whole numbers, because a binary fraction of 0.1 is less. */
export const tailOf = (outcomes: number, confidenceBp: number): number =>
  Math.max(1, Math.floor((outcomes * (10_000 - confidenceBp)) / 10_000));

/**
 * What today's positions would have made on each of the past days (`profitsE4`, negative is a loss): the loss that only the
 * worst of them exceeded, and the mean of those from it on. Never negative: days without a loss risk nothing.
 */
export const historicalVar = ({
  profitsE4,
  confidenceBp,
  horizon,
  source,
}: {
  readonly profitsE4: readonly number[];
  readonly confidenceBp: number;
  /** What one outcome spans: `1 day`, `15 minutes`. */
  readonly horizon: string;
  readonly source: string;
}): (ValueAtRisk & { readonly expectedShortfallE4: number; readonly outcomes: number }) | Missing => {
  if (!(Number.isInteger(confidenceBp) && confidenceBp > 0 && confidenceBp < 10_000))
    return { missing: `a confidence between 0 and 100 %` };
  if (profitsE4.length === 0) return { missing: 'past returns' };
  const tail = tailOf(profitsE4.length, confidenceBp);
  const worst = profitsE4
    .map((profitE4) => 0 - profitE4)
    .sort((one, other) => other - one)
    .slice(0, tail);
  const sumE4 = worst.reduce((sum, lossE4) => sum + lossE4, 0);
  return {
    method: 'historical',
    confidenceBp,
    horizon,
    source,
    outcomes: profitsE4.length,
    valueAtRiskE4: Math.max(0, worst[tail - 1] ?? 0),
    expectedShortfallE4: Math.max(0, Math.ceil(sumE4 / tail)),
  };
};

/** What today's exposures would have made of each day's returns: rows of returns in millionths, in the order of the factors. */
export const replayedE4 = (
  exposuresE4: readonly number[],
  returnsMillionths: readonly (readonly number[])[],
): readonly number[] | Missing => {
  const profitsE4: number[] = [];
  for (const row of returnsMillionths) {
    let profitE4 = 0;
    for (const [index, exposureE4] of exposuresE4.entries()) {
      const moved = row[index];
      if (moved === undefined) return { missing: 'a return of every factor on every day' };
      profitE4 += (exposureE4 * moved) / 1_000_000;
    }
    profitsE4.push(Math.floor(profitE4));
  }
  return profitsE4;
};

export interface Throttled {
  readonly state: 'normal' | 'caution' | 'blocked';
  readonly allowed: boolean;
  /** Whether the order lowers the value at risk, whatever its side. */
  readonly reduces: boolean;
  readonly effectiveFrom: string;
}

/** Judged on what the risk is after the order: near the limit, and above it, only what lowers it may pass. */
export const throttle = (
  {
    beforeE4,
    afterE4,
    limitE4,
    date,
  }: {
    readonly beforeE4: number;
    readonly afterE4: number;
    readonly limitE4: number;
    readonly date: string;
  },
  corrections: MarginCorrections = NONE,
): Throttled | Missing => {
  const rule = rowOn('throttle', 'all', date, corrections);
  if (rule === undefined) return { missing: `where a limit begins to throttle on ${date}` };
  const usedOf = (shareBp: number): boolean => BigInt(afterE4) * 10_000n >= BigInt(limitE4) * BigInt(shareBp);
  const state = usedOf(rule.blockedBp) ? 'blocked' : usedOf(rule.cautionBp) ? 'caution' : 'normal';
  const reduces = afterE4 < beforeE4;
  return { state, allowed: state === 'normal' || reduces, reduces, effectiveFrom: rule.from };
};
