import type { Instrument } from '#domain/instruments/instrument';

import { isSameContract } from './broker-listing';

/** What may differ from one day to the next while it is still the same instrument. */
export const COMPARED_FIELDS = [
  'symbol',
  'tradingSymbol',
  'name',
  'exchange',
  'segment',
  'instrumentType',
  'exchangeToken',
  'isin',
  'lotSize',
  'tickSizeE4',
  'freezeQuantity',
  'expiry',
  'strikeE4',
  'underlyingSymbol',
  'underlyingKind',
  'securityType',
] as const satisfies readonly (keyof Instrument)[];

export type ComparedField = (typeof COMPARED_FIELDS)[number] | 'funded';

/** One instrument on both days. */
export interface Pair {
  readonly before: Instrument;
  readonly after: Instrument;
}

/** From one day's instruments to the next day's. `validFrom` is not compared: it is another on every day. */
export interface CatalogueDiff {
  readonly added: readonly Instrument[];
  readonly removed: readonly Instrument[];
  /** The same instrument with other terms. */
  readonly changed: readonly (Pair & { readonly fields: readonly ComparedField[] })[];
  /** Another contract under a key that the exchange has used before. */
  readonly reusedKeys: readonly Pair[];
}

/** How many of each. */
export interface DiffCounts {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly reusedKeys: number;
}

export const countsOf = ({ added, removed, changed, reusedKeys }: CatalogueDiff): DiffCounts => ({
  added: added.length,
  removed: removed.length,
  changed: changed.length,
  reusedKeys: reusedKeys.length,
});

/** Compares two days by instrument key; each must name a key once. */
export const diffCatalogues = (before: Iterable<Instrument>, after: Iterable<Instrument>): CatalogueDiff => {
  const gone = new Map<string, Instrument>();
  for (const instrument of before) gone.set(instrument.instrumentKey, instrument);
  const added: Instrument[] = [];
  const changed: CatalogueDiff['changed'][number][] = [];
  const reusedKeys: Pair[] = [];
  for (const instrument of after) {
    const former = gone.get(instrument.instrumentKey);
    if (former === undefined) {
      added.push(instrument);
      continue;
    }
    gone.delete(instrument.instrumentKey);
    const pair = { before: former, after: instrument };
    if (isReused(pair)) reusedKeys.push(pair);
    else {
      const fields = changedFields(pair);
      if (fields.length > 0) changed.push({ ...pair, fields });
    }
  }
  return { added, removed: [...gone.values()], changed, reusedKeys };
};

/**
 * An exchange gives a number away again once its contract is over. A contract that was still alive and only expires on
 * another day is the same one: its last day was moved, as for a holiday.
 */
const isReused = ({ before, after }: Pair): boolean => {
  if (after.expiry === undefined || isSameContract(before, after)) return false;
  const isMoved =
    before.expiry !== undefined &&
    before.expiry >= after.validFrom &&
    isSameContract({ ...before, expiry: after.expiry }, after);
  return !isMoved;
};

const changedFields = ({ before, after }: Pair): readonly ComparedField[] => {
  const fields: ComparedField[] = COMPARED_FIELDS.filter((field) => before[field] !== after[field]);
  if (before.funded?.marginBp !== after.funded?.marginBp) fields.push('funded');
  return fields;
};
