import { refuse } from '../decider';
import type { Limits } from '../risk/limits';
import { malformed } from './shape';

/** All of the margin a balance can carry, and any share of a price. */
const WHOLE_BP = 10_000;

const GROUPS = {
  priceDeviationMaxBp: ['cash', 'futures', 'options'],
  intradayVar: ['limitE4', 'method', 'confidenceBp'],
} as const;

/** `NSE:RELIANCE`, or an underlying: `NIFTY`, `M&M`. Capital letters, as the exchanges write them. */
const CAPPED = /^(?:(?:NSE|BSE|MCX):)?[^\sa-z:](?:[^\ta-z:]*[^\sa-z:])?$/;

/**
 * Limits that make sense: whole numbers not below 0, groups that are complete, caps on names that something may have.
 * `before`: what is set now. A name that stands there already is not judged: its owner must still be able to change the rest.
 * @throws Refused naming the field, which begins with `path`.
 */
export const checkLimits = (limits: Limits, path: string, before: Limits = {}): void => {
  for (const name of Object.keys(limits.symbolCaps ?? {}))
    if (!CAPPED.test(name) && !Object.hasOwn(before.symbolCaps ?? {}, name))
      malformed(`${path}.symbolCaps.${name}`, 'a symbol as NSE:RELIANCE, or an underlying as NIFTY');
  for (const [group, names] of Object.entries(GROUPS)) {
    const value: unknown = Reflect.get(limits, group);
    if (typeof value !== 'object' || value === null) continue;
    for (const name of names)
      if (Reflect.get(value, name) === undefined) refuse('settings.incomplete', { field: `${path}.${group}.${name}` });
  }
  checkNumbers(limits, path);
  const { marginUtilisationMaxBp, intradayVar } = limits;
  if (marginUtilisationMaxBp !== undefined && marginUtilisationMaxBp > WHOLE_BP)
    refuse('settings.out-of-range', { field: `${path}.marginUtilisationMaxBp`, min: 0, max: WHOLE_BP });
  if (intradayVar && (intradayVar.confidenceBp < 5_000 || intradayVar.confidenceBp >= WHOLE_BP))
    refuse('settings.out-of-range', { field: `${path}.intradayVar.confidenceBp`, min: 5_000, max: WHOLE_BP - 1 });
};

const checkNumbers = (part: object, path: string): void => {
  for (const [name, value] of Object.entries(part) as [string, unknown][]) {
    if (typeof value === 'object' && value !== null) checkNumbers(value, `${path}.${name}`);
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0))
      refuse('settings.not-whole', { field: `${path}.${name}` });
  }
};
