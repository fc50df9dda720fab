import { type Dated, inForceOn } from '../dated';
import { toRupees } from '../money';
import type { OrderTerms } from '../orders/order';
import { type Check, fail, finding, NOT_LIMITED, notApplicable, pass, ruleOf } from './check';
import type { CheckContext } from './context';

/**
 * A market order is margined at the last price: without one its need cannot be known, and the check fails closed. Some
 * feeds say 0 for a price they do not know.
 */
export const referencePrice: Check = ({ orderType }, { lastPriceE4 }) => {
  if (orderType !== 'MARKET') return notApplicable('the order names its own price');
  const rule = 'a market order is margined at the last price';
  return lastPriceE4 !== undefined && lastPriceE4 > 0
    ? pass({ rule, actual: toRupees(lastPriceE4) })
    : fail({ rule, reason: 'no last price is known: name a limit' });
};

type Kind = keyof NonNullable<CheckContext['limits']['priceDeviationMaxBp']>;

const kindOf = ({ instrument: { instrumentType, expiry } }: CheckContext): Kind => {
  if (instrumentType === 'CE' || instrumentType === 'PE') return 'options';
  return instrumentType === 'FUT' || expiry !== undefined ? 'futures' : 'cash';
};

/** An option below this is compared as if it cost as much, from a date on: a few ticks of a cheap one are a large share of it. */
const OPTION_FLOORS: readonly (Dated & { readonly priceE4: number })[] = [
  { from: '2025-01-01', priceE4: 500_000, certainty: 'single-source', source: 'a broker’s own thresholds' },
];

/**
 * How far beyond the market a limit may lie: a purchase far above it, or a sale far below, is a slip of the finger, or an
 * offence. A limit on the other side hurts nobody: it waits in the book, as far away as the band lets it. A stop-limit order
 * waits for its trigger, so that its limit is compared with that.
 */
export const priceDeviation: Check = (terms, context) => {
  const { limits, tradingDate, side } = context;
  const { priceE4 } = terms;
  if (limits.priceDeviationMaxBp === undefined) return notApplicable(NOT_LIMITED);
  if (priceE4 === undefined) return notApplicable('the order names no limit');
  const kind = kindOf(context);
  const rule = `${ruleOf(context, `priceDeviationMaxBp.${kind}`)} for ${kind}, ${side === 'BUY' ? 'above' : 'below'} the market`;
  const reference = referenceOf(terms, context);
  if (reference === undefined) return fail({ rule, actual: toRupees(priceE4), reason: unknownReference(context) });
  const floorE4 = kind === 'options' ? (inForceOn(OPTION_FLOORS, tradingDate)?.priceE4 ?? 0) : 0;
  const allowedE4 = Math.floor((Math.max(reference.priceE4, floorE4) * limits.priceDeviationMaxBp[kind]) / 10_000);
  const boundE4 = side === 'BUY' ? reference.priceE4 + allowedE4 : Math.max(0, reference.priceE4 - allowedE4);
  return finding(side === 'BUY' ? priceE4 <= boundE4 : priceE4 >= boundE4, {
    rule,
    limit: toRupees(boundE4),
    actual: toRupees(priceE4),
    ...(reference.effectiveFrom !== undefined && { effectiveFrom: reference.effectiveFrom }),
    reason: `${reference.what} ${String(toRupees(reference.priceE4))}`,
  });
};

const unknownReference = ({ facts: { outdated } }: CheckContext): string => {
  const reason = 'neither a last price nor a previous close is known';
  const old = outdated?.previousClose;
  return old === undefined ? reason : `${reason}: that of ${old.effectiveFrom} is too old to count (${old.source})`;
};

const referenceOf = (
  { triggerPriceE4 }: OrderTerms,
  { lastPriceE4, facts: { previousClose } }: CheckContext,
): { readonly priceE4: number; readonly what: string; readonly effectiveFrom?: string } | undefined => {
  if (triggerPriceE4 !== undefined) return { priceE4: triggerPriceE4, what: 'its trigger is' };
  if (lastPriceE4 !== undefined && lastPriceE4 > 0) return { priceE4: lastPriceE4, what: 'the last price is' };
  return previousClose && { ...previousClose, what: 'no last price is known, the previous close is' };
};
