/** How long what a file says of prices counts: a band of months ago is no band. */

import { type Dated, inForceOn } from '../dated';
import type { InstrumentFacts, Sourced } from './facts';

export interface Freshness extends Dated {
  /** Calendar days after the day that it counts from. */
  readonly daysMax: number;
}

/** Files come every trading day; a copy that is kept for demonstrations may be some weeks old. */
export const FRESHNESS: readonly Freshness[] = [
  { from: '2025-01-01', daysMax: 30, certainty: 'confirmed', source: 'house: closes and bands of a month at most' },
];

const DAY_MS = 86_400_000;

/** The first day from which on closes and bands still count on `date`, both `YYYY-MM-DD`; without a rule any does. */
export const freshSince = (date: string, rows: readonly Freshness[] = FRESHNESS): string => {
  const row = inForceOn(rows, date);
  return row ? new Date(Date.parse(`${date}T00:00:00Z`) - row.daysMax * DAY_MS).toISOString().slice(0, 10) : '';
};

/** Facts without the closes and bands that are too old to count; these are named, so that a check can tell which. */
export const freshFacts = (facts: InstrumentFacts, since: string): InstrumentFacts => {
  const { previousClose, band, ...others } = facts;
  const isOld = (fact: Sourced | undefined) => fact !== undefined && fact.effectiveFrom < since;
  if (!isOld(previousClose) && !isOld(band)) return facts;
  const outdated = {
    ...(previousClose && isOld(previousClose) && { previousClose }),
    ...(band && isOld(band) && { band }),
  };
  return {
    ...others,
    ...(previousClose && !isOld(previousClose) && { previousClose }),
    ...(band && !isOld(band) && { band }),
    outdated,
  };
};
