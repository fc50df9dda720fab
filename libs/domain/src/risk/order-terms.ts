import type { InstrumentFacts, Sourced } from '../instruments/facts';
import { inForce } from '../instruments/in-force';
import type { Instrument } from '../instruments/instrument';
import { MAX_PRICE_E4, toRupees } from '../money';
import type { OrderTerms, OrderType } from '../orders/order';
import { type Check, fail, finding, notApplicable, pass } from './check';
import { orderPolicyOn, protectionBpOf } from './order-policies';

/** Upper bound of one order line, far above any exchange freeze: keeps quantity times price an exact integer. */
export const MAX_QUANTITY = 10_000_000;

export const quantity: Check = ({ quantity: asked }) =>
  finding(Number.isSafeInteger(asked) && asked > 0 && asked <= MAX_QUANTITY, {
    rule: 'house: one order line',
    limit: MAX_QUANTITY,
    actual: asked,
  });

export const lotMultiple: Check = ({ quantity: asked }, { instrument: { lotSize, validFrom } }) =>
  lotSize === undefined
    ? fail({ rule: 'instrument master', actual: asked, reason: 'the master names no lot size' })
    : finding(asked % lotSize === 0, {
        rule: 'instrument master',
        limit: lotSize,
        actual: asked,
        effectiveFrom: validFrom,
      });

interface Freeze {
  /** The first quantity that is refused. */
  readonly quantity: number;
  /** Where the exchange's own file says so; otherwise the master does. */
  readonly file?: Sourced;
}

/**
 * What an exchange does not take in one order. The stored figure is the first quantity that is refused: circulars and
 * masters disagree about the boundary, and the stricter reading costs one slice more where the looser one costs a
 * rejection. Where the exchange's own file and the master differ, the smaller figure counts.
 */
export const freezeOf = (
  { freezeQuantity: listed }: Pick<Instrument, 'freezeQuantity'>,
  told: InstrumentFacts['freezeQuantity'],
): Freeze | undefined => {
  if (told !== undefined && !(listed !== undefined && listed <= told.quantity))
    return { quantity: told.quantity, file: told };
  return listed === undefined ? undefined : { quantity: listed };
};

export const freezeQuantity: Check = ({ quantity: asked }, { instrument, facts, tradingDate }) => {
  const freeze = freezeOf(instrument, inForce(facts.freezeQuantity, tradingDate));
  if (freeze === undefined) return notApplicable('no file gives a freeze quantity');
  const { quantity: frozenFrom, file } = freeze;
  const passed = asked < frozenFrom;
  return finding(passed, {
    rule: file?.source ?? 'instrument master',
    limit: frozenFrom,
    actual: asked,
    effectiveFrom: file?.effectiveFrom ?? instrument.validFrom,
    ...(!passed && { reason: sliceAdvice(frozenFrom, instrument.lotSize) }),
  });
};

const sliceAdvice = (frozenFrom: number, lotSize = 1): string => {
  const slice = Math.floor((frozenFrom - 1) / lotSize) * lotSize;
  return slice > 0 ? `slice it into orders of at most ${String(slice)}` : 'not even one lot is taken in one order';
};

export const disclosedQuantity: Check = ({ quantity: asked, disclosedQuantity: shown }) =>
  shown === undefined
    ? notApplicable('the whole quantity is shown')
    : finding(Number.isSafeInteger(shown) && shown > 0 && shown <= asked, {
        rule: 'no more is shown than is ordered',
        limit: asked,
        actual: shown,
      });

/** Which prices an order type carries. */
export const PRICE_FIELDS: Readonly<Record<OrderType, { readonly price: boolean; readonly trigger: boolean }>> = {
  MARKET: { price: false, trigger: false },
  LIMIT: { price: true, trigger: false },
  SL: { price: true, trigger: true },
  SL_M: { price: false, trigger: true },
};

export const orderType: Check = ({ orderType: type }, { instrument, tradingDate, lastPriceE4, orderPolicies }) => {
  if (PRICE_FIELDS[type].price) return notApplicable('the order has a limit');
  const policy = orderPolicyOn(tradingDate, instrument.segment, orderPolicies);
  if (policy === undefined)
    return fail({ actual: type, reason: `no policy for ${instrument.segment} on ${tradingDate}` });
  const compared = { rule: policy.source, actual: type, effectiveFrom: policy.from };
  const width = `${String(protectionBpOf(policy, tradingDate) / 100)} % from the last price`;
  switch (policy.marketOrders) {
    case 'allow':
      return pass({ ...compared, limit: width });
    case 'protect':
      return lastPriceE4 !== undefined && lastPriceE4 > 0
        ? pass({ ...compared, limit: width })
        : fail({ ...compared, limit: width, reason: 'no last price is known to protect it from: name a limit' });
    case 'refuse':
      return fail({ ...compared, reason: 'market orders are not sent here: name a limit' });
  }
};

/** The price fields that do not fit the order type, with what is wrong. */
export const misfitPrices = ({
  orderType: type,
  priceE4,
  triggerPriceE4,
}: OrderTerms): { field: 'price' | 'triggerPrice'; message: string }[] => {
  const { price, trigger } = PRICE_FIELDS[type];
  const found: { field: 'price' | 'triggerPrice'; message: string }[] = [];
  const judge = (field: 'price' | 'triggerPrice', wanted: boolean, valueE4: number | undefined) => {
    if (wanted && valueE4 === undefined) found.push({ field, message: `${type} needs ${field}` });
    if (!wanted && valueE4 !== undefined) found.push({ field, message: `${type} takes no ${field}` });
    if (valueE4 !== undefined && !(valueE4 > 0 && valueE4 <= MAX_PRICE_E4))
      found.push({ field, message: `${field} must be above 0 and at most ${String(toRupees(MAX_PRICE_E4))}` });
  };
  judge('price', price, priceE4);
  judge('triggerPrice', trigger, triggerPriceE4);
  return found;
};

export const priceFields: Check = (terms) => {
  const misfits = misfitPrices(terms);
  return finding(misfits.length === 0, {
    rule: 'which prices an order type carries',
    actual: terms.orderType,
    ...(misfits.length > 0 && { reason: misfits.map(({ message }) => message).join('; ') }),
  });
};

export const tickSize: Check = ({ priceE4, triggerPriceE4 }, { instrument: { tickSizeE4, validFrom } }) => {
  const named = priceE4 ?? triggerPriceE4;
  if (named === undefined) return notApplicable('the order names no price');
  if (tickSizeE4 === undefined) return fail({ rule: 'instrument master', reason: 'the master names no tick size' });
  const off = [priceE4, triggerPriceE4].find((price) => price !== undefined && price % tickSizeE4 !== 0);
  return finding(off === undefined, {
    rule: 'instrument master',
    limit: toRupees(tickSizeE4),
    actual: toRupees(off ?? named),
    effectiveFrom: validFrom,
  });
};

/** A stop must not trigger at once through its own limit: a buy stop's limit lies at or above its trigger, a sell's at or below. */
export const stopPrices: Check = ({ orderType: type, priceE4, triggerPriceE4 }, { side }) => {
  if (type !== 'SL' || priceE4 === undefined || triggerPriceE4 === undefined)
    return notApplicable('not a stop-limit order');
  return finding(side === 'BUY' ? priceE4 >= triggerPriceE4 : priceE4 <= triggerPriceE4, {
    rule: side === 'BUY' ? 'limit at or above its trigger' : 'limit at or below its trigger',
    limit: toRupees(triggerPriceE4),
    actual: toRupees(priceE4),
  });
};
