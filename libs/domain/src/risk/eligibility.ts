import type { InstrumentFacts, Sourced } from '../instruments/facts';
import { inForce } from '../instruments/in-force';
import type { Dated } from '../dated';
import { type SegmentClass, SEGMENT_CLASS } from '../market/venues';
import { toRupees } from '../money';
import type { Product } from '../orders/order';
import { type Check, fail, type Finding, finding, notApplicable, pass } from './check';

/** Shares are delivered, traded within the day, or bought with the broker's money; contracts are carried or traded within the day. */
const PRODUCTS: Readonly<Record<SegmentClass, readonly Product[]>> = {
  equity: ['CNC', 'MIS', 'MTF'],
  derivatives: ['NRML', 'MIS'],
  currency: ['NRML', 'MIS'],
  commodity: ['NRML', 'MIS'],
};

export const product: Check = (_, { instrument: { segment }, product: asked }) => {
  const segmentClass = SEGMENT_CLASS[segment];
  const products = segmentClass === undefined ? [] : PRODUCTS[segmentClass];
  return finding(products.includes(asked), {
    rule: `products of ${segment}`,
    limit: products.join(', ') || 'none',
    actual: asked,
  });
};

/**
 * Whether the broker lists the share for a product of borrowed money. Judged for entries only: what left a list during the
 * day can still be closed.
 */
export const productEligibility: Check = (_, { instrument, facts, product: asked, tradingDate }) => {
  if (SEGMENT_CLASS[instrument.segment] !== 'equity') return notApplicable('not a share');
  switch (asked) {
    case 'MIS':
      return listed(inForce(facts.intraday, tradingDate), asked, 'intraday file');
    case 'MTF':
      return inForce(facts.funded, tradingDate) === undefined && instrument.funded !== undefined
        ? pass({ rule: 'instrument master', actual: asked, effectiveFrom: instrument.validFrom })
        : listed(inForce(facts.funded, tradingDate), asked, 'file of funded shares');
    case 'CNC':
    case 'NRML':
      return notApplicable('paid in full: every share is eligible');
  }
};

const listed = (rate: Sourced | undefined, actual: Product, file: string): Finding =>
  rate === undefined
    ? fail({ rule: file, actual, reason: `not in the broker's ${file}, or none is loaded` })
    : pass({ rule: rate.source, actual, effectiveFrom: rate.effectiveFrom });

/**
 * Trade-for-trade: each purchase is delivered, each sale delivers. No product but delivery is opened, and what was bought
 * today is not sold today.
 */
export const tradeForTrade: Check = (_, { side, product: asked, exposure }, { surveillance, ...measured }) => {
  if (!surveillance.tradeForTrade) return notApplicable('not trade-for-trade');
  const told = {
    rule: `T2T: ${surveillance.because.join(', ')}`,
    ...(surveillance.effectiveFrom !== undefined && { effectiveFrom: surveillance.effectiveFrom }),
  };
  if (asked !== 'CNC' && !measured.reduces)
    return fail({ ...told, limit: 'CNC', actual: asked, reason: 'delivery only, nothing is netted within the day' });
  if (side === 'BUY') return pass({ ...told, limit: 'CNC', actual: asked });
  if (exposure.undeliveredQuantity === undefined)
    return fail({ ...told, reason: 'how much was bought today, and is not delivered yet, is not known' });
  const limit = Math.max(0, exposure.closableQuantity - exposure.undeliveredQuantity);
  const passed = measured.remainingQuantity <= limit;
  return finding(passed, {
    ...told,
    limit,
    actual: measured.remainingQuantity,
    ...(!passed && { reason: 'what is not delivered yet cannot be sold' }),
  });
};

/** What a stage of surveillance forbids in prices; its margin is a matter of the account. */
export const surveillance: Check = ({ priceE4 }, { side, facts }, { surveillance: effects }) => {
  if (effects.because.length === 0) return notApplicable('under no surveillance');
  const told = {
    rule: effects.because.join(', '),
    ...(effects.effectiveFrom !== undefined && { effectiveFrom: effects.effectiveFrom }),
  };
  if (effects.discontinued !== undefined) return fail({ ...told, reason: effects.discontinued });
  if (!effects.noUpwardMovement) return pass({ ...told, ...depositOf(effects.buyerDepositBp) });
  const closeE4 = facts.previousClose?.priceE4;
  if (closeE4 === undefined)
    return fail({ ...told, reason: `no upward movement is allowed, and the previous close ${notKnown(facts)}` });
  const limit = toRupees(closeE4);
  if (priceE4 !== undefined)
    return finding(priceE4 <= closeE4, {
      ...told,
      limit,
      actual: toRupees(priceE4),
      reason: 'no price above the previous close',
    });
  return side === 'SELL'
    ? pass({ ...told, limit })
    : fail({ ...told, limit, reason: 'no price above the previous close: name a limit' });
};

const notKnown = ({ outdated }: InstrumentFacts): string =>
  outdated?.previousClose === undefined
    ? 'is not known'
    : `of ${outdated.previousClose.effectiveFrom} is too old to count`;

const depositOf = (basisPoints: number | undefined): { readonly reason?: string } =>
  basisPoints === undefined
    ? {}
    : { reason: `a buyer leaves ${String(basisPoints / 100)} % of the value with the exchange on top of the margin` };

/** What brokers take on the first day of a share. */
const LISTING_DAY: Dated & { readonly products: readonly Product[] } = {
  from: '2025-01-01',
  certainty: 'inferred',
  source: 'practice of brokers: delivery only',
  products: ['CNC'],
};

/** Judged for entries only. */
export const listingDay: Check = (_, { facts, product: asked, tradingDate }) => {
  const told = facts.listingDay;
  if (told?.effectiveFrom !== tradingDate) return notApplicable('not its first day');
  return finding(LISTING_DAY.products.includes(asked), {
    rule: `${told.source}; ${LISTING_DAY.source}`,
    limit: LISTING_DAY.products.join(', '),
    actual: asked,
    effectiveFrom: told.effectiveFrom,
  });
};

/** Delivery cannot be sold short: what is sold for delivery is held, and promised to no other order. */
export const shortSale: Check = (_, { side, product: asked, exposure }, { remainingQuantity }) => {
  if (side === 'BUY') return notApplicable('a purchase');
  if (asked !== 'CNC' && asked !== 'MTF') return notApplicable(`${asked} may be sold short`);
  const passed = remainingQuantity <= exposure.closableQuantity;
  return finding(passed, {
    rule: 'delivery cannot be sold short',
    limit: exposure.closableQuantity,
    actual: remainingQuantity,
    ...(!passed && { reason: 'more than is held and not promised to other orders' }),
  });
};
