import { inForce } from '../instruments/in-force';
import type { InstrumentFacts } from '../instruments/facts';
import { type Band, bandOf, flex, isWithin } from '../market/bands';
import { type Dated, inForceOn } from '../dated';
import { secondOf, secondOfMs } from '../market/ist';
import { toRupees } from '../money';
import { type Check, fail, finding, type Measured, notApplicable } from './check';
import type { CheckContext } from './context';

/** From when on a future is bound by another band until its close. */
const FUTURES_CLOSING: readonly (Dated & { readonly start: string })[] = [
  { from: '2026-08-03', start: '15:15', certainty: 'confirmed', source: 'SEBI circular of 16 Jan 2026' },
];

/** Outside its band an order is rejected by the exchange, be it the limit or the trigger that lies there. */
export const priceBand: Check = ({ priceE4, triggerPriceE4 }, context, measured) => {
  const named = priceE4 ?? triggerPriceE4;
  if (named === undefined) return notApplicable('the order names no price');
  const band = presentBand(context, measured);
  if (band === undefined)
    return context.instrument.expiry === undefined
      ? fail({
          rule: 'price band of the day',
          actual: toRupees(named),
          reason:
            unknownBecause(context.facts.outdated) ?? 'no band is known: load the price bands and closes of the day',
        })
      : notApplicable('no file names a band for the contract: the exchange protects its price by itself');
  const outside = [priceE4, triggerPriceE4].find((price) => price !== undefined && !isWithin(band, price));
  return finding(outside === undefined, {
    rule: band.rule,
    limit: `${String(toRupees(band.lowerE4))} to ${String(toRupees(band.upperE4))}`,
    actual: toRupees(outside ?? named),
    effectiveFrom: band.effectiveFrom,
  });
};

const unknownBecause = ({ band, previousClose }: NonNullable<InstrumentFacts['outdated']> = {}): string | undefined => {
  const what = band ? 'the price band' : 'the close that the price band is counted from';
  const old = band ?? previousClose;
  return old && `${what} is of ${old.effectiveFrom}, too old to count: ${old.source}`;
};

const presentBand = (context: CheckContext, { session }: Measured): Band | undefined => {
  const { instrument, facts, underlying, tradingDate, lastPriceE4, referenceE4, calendar } = context;
  const start = inForceOn(FUTURES_CLOSING, tradingDate)?.start;
  const underlyingKind = instrument.underlyingKind ?? underlying?.kind;
  const band = bandOf(
    {
      instrument,
      facts,
      date: tradingDate,
      closing: start !== undefined && secondOfMs(context.releaseAtMs ?? context.atMs) >= secondOf(start),
      ...(session?.phase !== undefined && { phase: session.phase }),
      ...(lastPriceE4 !== undefined && lastPriceE4 > 0 && { lastPriceE4 }),
      ...(referenceE4 !== undefined && { referenceE4 }),
      ...(underlyingKind !== undefined && { underlyingKind }),
    },
    calendar.surveillance,
  );
  return band && flexed(band, context);
};

/** More often than this in a day no band was ever flexed. */
const FLEXES_MAX = 20;

/**
 * A dynamic band slides during the day, and no file says how often it did. Where the last price lies outside, the market
 * has shown it: as often as it takes to reach that price.
 */
const flexed = (band: Band, { instrument, facts, tradingDate, lastPriceE4 }: CheckContext): Band => {
  const isDynamic = inForce(facts.band, tradingDate)?.kind === 'dynamic';
  const baseE4 = inForce(facts.previousClose, tradingDate)?.priceE4;
  if (!isDynamic || baseE4 === undefined || lastPriceE4 === undefined || isWithin(band, lastPriceE4)) return band;
  const options = {
    direction: lastPriceE4 > band.upperE4 ? 'up' : 'down',
    ...(instrument.tickSizeE4 !== undefined && { tickE4: instrument.tickSizeE4 }),
    date: tradingDate,
  } as const;
  for (let times = 1; times <= FLEXES_MAX; times += 1) {
    const { lowerE4, upperE4 } = flex({ baseE4, ...band }, times, options);
    if (isWithin({ lowerE4, upperE4 }, lastPriceE4))
      return { ...band, lowerE4, upperE4, rule: `${band.rule}, flexed ${String(times)} times as the last price shows` };
  }
  return band;
};
