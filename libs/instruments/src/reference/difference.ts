import type { ReferenceDay } from './day';

/** Which instruments (by key) and underlyings (`underlying RELIANCE`) something is said of now, or no longer, or otherwise. */
export interface ReferenceDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** Compares what two days say. A file loaded again under its name, for whatever day, changes nothing. */
export const differenceOf = (before: ReferenceDay, after: ReferenceDay): ReferenceDifference => {
  const [then, now] = [textsOf(before), textsOf(after)];
  const keys = [...now.keys()];
  return {
    added: keys.filter((key) => !then.has(key)),
    removed: [...then.keys()].filter((key) => !now.has(key)),
    changed: keys.filter((key) => then.has(key) && then.get(key) !== now.get(key)),
  };
};

const textsOf = ({ facts, underlyings }: ReferenceDay): ReadonlyMap<string, string> =>
  new Map([
    ...[...facts].map(([key, each]) => [key, JSON.stringify(each)] as const),
    ...[...underlyings].map(([symbol, each]) => [`underlying ${symbol}`, JSON.stringify(each)] as const),
  ]);
